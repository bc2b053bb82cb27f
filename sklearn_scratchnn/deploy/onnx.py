"""A converter for skl2onnx: the network as an ONNX graph."""

from dataclasses import dataclass
from numbers import Number

import numpy as np
from sklearn.base import is_regressor
from sklearn.utils.validation import check_is_fitted

from ..classifier import ScratchMLPClassifier
from ..ensemble import ScratchMLPEnsembleClassifier, ScratchMLPEnsembleRegressor
from ..estimator.prediction import encoding_of
from ..regressor import ScratchMLPRegressor
from .onnx_graph import (
    ONNX_ACTIVATIONS,
    ONNX_LINKS,
    Graph,
    Tensor,
    code_of_numbers,
    code_of_texts,
)

_OPTIONS = {
    "zipmap": [True, False, "columns"],
    "output_class_labels": [False, True],
    "nocl": [True, False],
    "raw_scores": [True, False],
}


def register_onnx() -> None:
    """Teach skl2onnx to convert the networks of this package, also in a pipeline.

    These are `ScratchMLPClassifier`, `ScratchMLPRegressor` and their ensembles, each of
    which is one graph too.

    Call it once a process, before ``skl2onnx.to_onnx`` or ``convert_sklearn``; more
    calls change nothing. A classifier's graph has two outputs, as of every classifier
    there: labels and probabilities, each label's own where a row may have several. A
    regressor's has one, "variable", with a column for each column of y.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    Notes
    -----
    The options are those of skl2onnx's own classifiers: ``zipmap`` (True, False or
    "columns"; not True for float64, which ONNX's ZipMap does not take),
    ``output_class_labels``, ``nocl`` and ``raw_scores``. Raw scores are what
    ``decision_function`` returns; its one column d for two classes becomes -d and d.
    A regressor has no options.

    A table with texts goes in by columns: one input for each column of X, of its name
    or in the order of X, texts as ``StringTensorType([None, 1])``. Where all columns
    are numbers, also those of categories, one input may hold them all. A column that
    the model ignores has its place, but is not read.

    A missing number is NaN. ONNX has no missing text: "" stands for it, unless "" is a
    category itself. Categories that are neither texts nor numbers, such as intervals,
    go in as their ``str``.

    The graph computes in float32, or, where its first input is a ``DoubleTensorType``,
    in float64. Its first layer computes in float64 also where ``coefs_`` are float64:
    the inputs' means are folded into it, and what cancels there would cost float32 its
    digits. A model whose ``coefs_`` are float32, trained in float32 on float32 rows,
    gives a graph of float32 alone.

    The last layer of a regressor has the units of y folded into it. It computes in
    float64, and the output is a ``DoubleTensorType``, where ``coefs_`` are float64 and
    float32 has too few digits for y: some 1e9 with a spread of 1, or sizes beyond 1e18.
    The spread is guessed from the weights of that layer. An estimator around such a
    network, as ``VotingRegressor``, then needs a ``DoubleTensorType`` as input. Under
    "poisson" a prediction beyond the range of the output's type is the largest number
    in it.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skl2onnx import to_onnx
    >>> from sklearn_scratchnn import ScratchMLPClassifier, ScratchMLPRegressor
    >>> from sklearn_scratchnn.deploy import register_onnx
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ScratchMLPClassifier(random_state=0).fit(X, y)
    >>> register_onnx()
    >>> graph = to_onnx(model, X[:1].astype("float32"))
    >>> [output.name for output in graph.graph.output]
    ['output_label', 'output_probability']
    >>> regressor = ScratchMLPRegressor(random_state=0).fit(X[:, :3], X[:, 3])
    >>> graph = to_onnx(regressor, X[:1, :3].astype("float32"))
    >>> [output.name for output in graph.graph.output]
    ['variable']
    """
    try:
        from skl2onnx import update_registered_converter
    except ImportError as error:
        raise ImportError(
            "register_onnx needs skl2onnx: pip install 'sklearn-scratchnn[deploy]'."
        ) from error
    for cls, alias, options in (
        (ScratchMLPClassifier, "ScratchnnMLPClassifier", _OPTIONS),
        (ScratchMLPEnsembleClassifier, "ScratchnnMLPEnsembleClassifier", _OPTIONS),
        (ScratchMLPRegressor, "ScratchnnMLPRegressor", None),
        (ScratchMLPEnsembleRegressor, "ScratchnnMLPEnsembleRegressor", None),
    ):
        update_registered_converter(
            cls, alias, _set_output_types, _convert, options=options
        )


def _set_output_types(operator):
    """Set the types and shapes of labels and probabilities, or of numbers."""
    from skl2onnx.common.data_types import Int64TensorType, StringTensorType

    model = operator.raw_operator
    check_is_fitted(model)
    n_rows, n_outputs = operator.inputs[0].get_first_dimension(), model.n_outputs_
    if is_regressor(model):
        kind = _tensor_type(_last_dtype(model, _dtype(operator.inputs)))
        operator.outputs[0].set_type(kind([n_rows, n_outputs]))
        return
    labels = _onnx_labels(model, operator.scope_inst)
    kind = StringTensorType if isinstance(labels[0], str) else Int64TensorType
    link = ONNX_LINKS[model.out_activation_]
    operator.outputs[0].set_type(kind(link.shape_of_labels(n_rows, n_outputs)))
    operator.outputs[1].type.shape = [n_rows, n_outputs]


def _onnx_labels(model, scope):
    """Return the classes as a list of str or of int."""
    if scope.get_options(model, {"nocl": False})["nocl"]:
        return list(range(model.n_outputs_))
    labels = model.classes_.tolist()
    return labels if isinstance(labels[0], str) else [int(label) for label in labels]


def _convert(scope, operator, container):
    """Add the network's nodes between an operator's inputs and its outputs."""
    model, graph = operator.raw_operator, Graph(scope, container)
    link, members = ONNX_LINKS[model.out_activation_], _members(model)
    dtype = _dtype(operator.inputs)
    last_dtype = _last_dtype(model, dtype)
    inputs = _Inputs(graph, operator.inputs, members[0])
    rows = inputs.read(_first_dtype(members, dtype))
    logits = [_logits(rows, member, dtype, last_dtype) for member in members]
    if len(members) > 1:
        logits = [link.logits_of_mean(logits, model.member_weights_)]
    (logits,) = logits
    if is_regressor(model):
        results = [link.scores(logits)]
    else:
        results = _labels_and_scores(logits, model, link, scope)
    for result, output in zip(results, operator.outputs):
        container.add_node("Identity", result.name, output.full_name)


def _labels_and_scores(logits, model, link, scope):
    """Return the two outputs of a classifier."""
    labels = link.labels(logits, logits.graph, _onnx_labels(model, scope))
    if scope.get_options(model, {"raw_scores": False})["raw_scores"]:
        return labels, link.raw_scores(logits, model.n_outputs_)
    return labels, link.scores(logits)


def _members(model):
    """Return the networks of a model: itself, or those of an ensemble."""
    return getattr(model, "estimators_", [model])


def _dtype(inputs):
    """Return the type that a graph computes in, as skl2onnx chooses it."""
    from onnx import TensorProto
    from skl2onnx.common.data_types import DoubleTensorType

    is_double = isinstance(inputs[0].type, DoubleTensorType)
    return TensorProto.DOUBLE if is_double else TensorProto.FLOAT


def _first_dtype(models, dtype):
    """Return the type that the first layers of some networks compute in."""
    from onnx import TensorProto

    are_double = any(model.coefs_[0].dtype == np.float64 for model in models)
    return TensorProto.DOUBLE if are_double else dtype


def _last_dtype(model, dtype):
    """Return the type that the last layers compute in, and that the outputs have."""
    from onnx import TensorProto

    if not is_regressor(model):
        return dtype
    link = ONNX_LINKS[model.out_activation_]
    wide = [m for m in _members(model) if m.coefs_[-1].dtype == np.float64]
    if any(link.needs_float64(m.target_center_, m.target_scale_) for m in wide):
        return TensorProto.DOUBLE
    return dtype


def _tensor_type(dtype):
    """Return skl2onnx's class of tensors of a type."""
    from onnx import TensorProto
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    return DoubleTensorType if dtype == TensorProto.DOUBLE else FloatTensorType


@dataclass
class _Rows:
    """What the first layer of every member reads.

    Parameters
    ----------
    numbers : Tensor of shape (B, n_numbers) or None
        With means where a value is missing. None where no column is a number.
    gaps : Tensor of bool of shape (B, n_numbers) or None
        Where a value is missing. None where means are not known.
    codes : list of Tensor of int64 of shape (B,)
        Of each categorical column: which of `_weights_of_categories` is a row's.
    """

    numbers: Tensor | None
    gaps: Tensor | None
    codes: list


class _Inputs:
    """The inputs of a graph: one for each column of X, or one for all.

    Parameters
    ----------
    graph : Graph
    inputs : list of Variable
        Of skl2onnx: in the order of X's columns, or of their names.
    model : ScratchMLPClassifier or ScratchMLPRegressor
    """

    def __init__(self, graph, inputs, model):
        self.graph, self.model = graph, model
        self.names = getattr(model, "feature_names_in_", range(model.n_features_in_))
        by_name = {x.raw_name: x for x in inputs}
        if by_name.keys() == set(self.names):
            inputs = [by_name[name] for name in self.names]
        self.tensors = [Tensor(graph, x.full_name, None) for x in inputs]
        self.types = [x.type for x in inputs]

    def read(self, dtype):
        """Return `_Rows`, with numbers of a type."""
        columns = getattr(encoding_of(self.model), "columns", None)
        if columns is None:
            return self._numbers(np.arange(len(self.names)), dtype)
        if len(self.tensors) not in (1, len(self.names)):
            raise ValueError(
                f"The graph has {len(self.tensors)} inputs, but the model was fitted "
                f"on {len(self.names)} columns: give it one input for each column of X."
            )
        rows = self._numbers(columns.numeric(), dtype)
        for j in columns.categorical():
            rows.codes.append(self._code(j, columns.categories_[j]))
        return rows

    def _select(self, columns):
        """Return tensors that hold some columns of X, and no others."""
        if len(columns) == len(self.names):
            return self.tensors
        if len(self.tensors) > 1:
            return [self.tensors[j] for j in columns]
        indices = self.graph.constant_indices(columns)
        return [self.tensors[0].node("Gather", indices, axis=1)]

    def _numbers(self, columns, dtype):
        """Return `_Rows` without codes."""
        if not len(columns):
            return _Rows(None, None, [])
        for j in columns:
            self._check_type(j, are_texts=False)
        numbers, means = _join(self._select(columns), dtype), self.model.column_means_
        if means is None:
            return _Rows(numbers, None, [])
        means, gaps = self.graph.constant(means[columns], dtype), numbers.is_nan()
        return _Rows(gaps.node("Where", means, numbers, dtype=dtype), gaps, [])

    def _code(self, j, levels):
        """Return the position of each row's value among a column's categories.

        That of a gap is the number of categories; that of any other value one more.
        """
        if len(levels):
            self._check_type(j, are_texts=not all(map(_is_number, levels)))
        tensors = self._select([j])
        if self._are_texts(j):
            keys = [str(level) for level in levels]
            code = code_of_texts(*tensors, keys)
        else:
            dtype, keys = _comparable(self._type(j), levels)
            code = code_of_numbers(_join(tensors, dtype), keys)
        if len(set(keys)) < len(levels):
            raise ValueError(
                f"Column {self.names[j]!r} of X has categories that are the same in "
                f"{self._type(j)}: its input must be of a wider type."
            )
        return code.node("Reshape", self.graph.constant_indices([-1]))

    def _type(self, j):
        return self.types[j if len(self.types) == len(self.names) else 0]

    def _are_texts(self, j):
        from skl2onnx.common.data_types import StringTensorType

        return isinstance(self._type(j), StringTensorType)

    def _check_type(self, j, are_texts):
        """Raise ValueError where a column's input does not hold what training had."""
        if self._are_texts(j) == are_texts:
            return
        held, wanted = "numbers", "a tensor of numbers"
        if are_texts:
            held, wanted = "no numbers", "StringTensorType([None, 1])"
        raise ValueError(
            f"Column {self.names[j]!r} of X held {held} in training, so its input must "
            f"be {wanted}; it is {self._type(j)}."
        )


def _is_number(level):
    return isinstance(level, Number | np.bool_)


def _comparable(kind, levels):
    """Return a type in which an input's numbers equal categories, and these in it."""
    from onnx import TensorProto, helper
    from skl2onnx.common.data_types import guess_proto_type

    dtype = guess_proto_type(kind)
    if dtype not in (TensorProto.FLOAT, TensorProto.DOUBLE):
        are_whole = all(level == int(level) for level in levels)
        dtype = TensorProto.INT64 if are_whole else TensorProto.DOUBLE
    numpy_dtype = helper.tensor_dtype_to_np_dtype(dtype)
    return dtype, np.asarray(levels, numpy_dtype).tolist()


def _join(tensors, dtype):
    """Return tensors side by side, in a type."""
    first, *others = [x.cast(dtype) for x in tensors]
    return first.node("Concat", *others, axis=1) if others else first


def _encoded(rows, encoding, dtype):
    """Return the inputs made of numbers, as ``NumbersEncoding.encode`` does."""
    numbers, bins, with_gaps = rows.numbers, encoding, ()
    if hasattr(encoding, "numbers"):
        bins, with_gaps = encoding.numbers.bins, encoding.numbers.with_gaps
    parts = [numbers]
    if bins is not None:
        columns = numbers.graph.constant_indices(bins.source)
        values = numbers.node("Gather", columns, axis=1)
        values = (values - bins.lower) / bins.width
        parts.append(values.node("Max", 0.0).node("Min", 1.0))
    if len(with_gaps):
        columns = numbers.graph.constant_indices(with_gaps)
        parts.append(rows.gaps.node("Gather", columns, axis=1))
    return _join(parts, dtype)


def _weights_of_categories(W, columns):
    """Yield for each categorical column its rows of W.

    Those of its categories, of a gap, and of what is none of them.
    """
    start = len(W) - sum(columns.widths())
    for j, width in zip(columns.categorical(), columns.widths()):
        own, n_levels = W[start : start + width], len(columns.categories_[j])
        other = own[-1:] if columns.has_rare_[j] else np.zeros_like(W[:1])
        gap = own[n_levels : n_levels + 1] if columns.has_missing(j) else other
        yield np.concatenate([own[:n_levels], gap, other])
        start += width


def _first_layer(rows, model, dtype):
    """Return the first layer's sums; of categories they are looked up."""
    encoding, W, z = encoding_of(model), model.coefs_[0], model.intercepts_[0]
    if rows.numbers is not None:
        a = _encoded(rows, encoding, dtype)
        n_inputs = encoding.numbers.n_inputs if rows.codes else len(W)
        z = a @ W[:n_inputs] + z
    if rows.codes:
        for code, own in zip(rows.codes, _weights_of_categories(W, encoding.columns)):
            z = code.graph.constant(own, dtype).node("Gather", code) + z
    return z


def _logits(rows, model, dtype, last_dtype):
    """Return the logits, as ``Network.forward`` computes them."""
    z = _first_layer(rows, model, _first_dtype([model], dtype))             # F1
    last = len(model.coefs_) - 1
    for l, name in enumerate(model.activations_, start=1):
        a = ONNX_ACTIVATIONS[name](z.cast(dtype))                           # F2
        a = a.cast(last_dtype if l == last else dtype)
        z = a @ model.coefs_[l] + model.intercepts_[l]                      # F1
    return z.cast(last_dtype)
