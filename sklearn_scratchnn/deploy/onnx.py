"""A converter for skl2onnx: the network as an ONNX graph."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..classifier import ScratchMLPClassifier
from ..ensemble import ScratchMLPEnsembleClassifier
from ..estimator.prediction import encoding_of
from .onnx_graph import ONNX_ACTIVATIONS, ONNX_LINKS, Graph, Tensor

_OPTIONS = {
    "zipmap": [True, False, "columns"],
    "output_class_labels": [False, True],
    "nocl": [True, False],
    "raw_scores": [True, False],
}


def register_onnx() -> None:
    """Teach skl2onnx to convert the networks of this package, also in a pipeline.

    These are `ScratchMLPClassifier` and `ScratchMLPEnsembleClassifier`, which is one
    graph too.

    Call it once a process, before ``skl2onnx.to_onnx`` or ``convert_sklearn``; more
    calls change nothing. The graph has two outputs, as of every classifier there:
    labels and probabilities, each label's own where a row may have several.

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

    The graph computes in float32, or, for a ``DoubleTensorType`` input, in float64. Its
    first layer computes in float64 also where ``coefs_`` are float64: the inputs' means
    are folded into it, and what cancels there would cost float32 its digits. A model
    whose ``coefs_`` are float32, trained in float32 on float32 rows, gives a graph of
    float32 alone.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skl2onnx import to_onnx
    >>> from sklearn_scratchnn import ScratchMLPClassifier
    >>> from sklearn_scratchnn.deploy import register_onnx
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ScratchMLPClassifier(random_state=0).fit(X, y)
    >>> register_onnx()
    >>> graph = to_onnx(model, X[:1].astype("float32"))
    >>> [output.name for output in graph.graph.output]
    ['output_label', 'output_probability']
    """
    try:
        from skl2onnx import update_registered_converter
    except ImportError as error:
        raise ImportError(
            "register_onnx needs skl2onnx: pip install 'sklearn-scratchnn[deploy]'."
        ) from error
    for cls, alias in (
        (ScratchMLPClassifier, "ScratchnnMLPClassifier"),
        (ScratchMLPEnsembleClassifier, "ScratchnnMLPEnsembleClassifier"),
    ):
        update_registered_converter(
            cls, alias, _set_output_types, _convert, options=_OPTIONS
        )


def _set_output_types(operator):
    """Set the types and shapes of the labels and the probabilities."""
    from skl2onnx.common.data_types import Int64TensorType, StringTensorType

    model = operator.raw_operator
    check_is_fitted(model)
    n_rows, n_outputs = operator.inputs[0].get_first_dimension(), model.n_outputs_
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
    """Add the network's nodes between an operator's inputs and its two outputs."""
    model, graph = operator.raw_operator, Graph(scope, container)
    link = ONNX_LINKS[model.out_activation_]
    members = getattr(model, "estimators_", [model])
    logits = [_logits(graph, operator.inputs, member) for member in members]
    if len(members) > 1:
        logits = [link.logits_of_mean(logits, model.member_weights_)]
    (logits,) = logits
    classes = _onnx_labels(model, scope)
    labels = link.labels(logits, graph, classes)
    raw_scores = scope.get_options(model, {"raw_scores": False})["raw_scores"]
    scores = link.scores(logits)
    if raw_scores:
        scores = link.raw_scores(logits, model.n_outputs_)
    for result, output in zip((labels, scores), operator.outputs):
        container.add_node("Identity", result.name, output.full_name)


def _encoded(a, encoding):
    """Return the inputs of the first layer, as ``PiecewiseEncoding.encode`` does."""
    if encoding is None:
        return a
    columns = a.graph.constant_indices(encoding.source)
    bins = a.node("Gather", columns, axis=1)
    bins = (bins - encoding.lower) / encoding.width
    bins = bins.node("Max", 0.0).node("Min", 1.0)
    return a.node("Concat", bins, axis=1)


def _logits(graph, inputs, model):
    """Return the logits, as ``Network.forward`` computes them."""
    from onnx import TensorProto
    from skl2onnx.common.data_types import DoubleTensorType

    is_double = isinstance(inputs[0].type, DoubleTensorType)
    dtype = TensorProto.DOUBLE if is_double else TensorProto.FLOAT
    first = TensorProto.DOUBLE if model.coefs_[0].dtype == np.float64 else dtype
    columns = [Tensor(graph, x.full_name, None).cast(first) for x in inputs]
    a = columns[0]
    if len(columns) > 1:
        a = a.node("Concat", *columns[1:], axis=1)
    a = _encoded(a, encoding_of(model))
    for l, name in enumerate(model.activations_):
        z = (a @ model.coefs_[l] + model.intercepts_[l]).cast(dtype)    # F1
        a = ONNX_ACTIVATIONS[name](z)                                   # F2
    return (a @ model.coefs_[-1] + model.intercepts_[-1]).cast(dtype)   # F1
