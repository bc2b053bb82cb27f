"""A fitted network elsewhere: as an ONNX graph, and in skops files.

The packages for it come with ``pip install "sklearn-scratchnn[deploy]"`` and are
imported when used.
"""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .classifier import ScratchMLPClassifier
from .network.activations import GELU, SELU, LeakyReLU

SKOPS_TRUSTED_TYPES = [
    f"{cls.__module__}.{cls.__qualname__}" for cls in (ScratchMLPClassifier,)
]
"""This package's classes, for the ``trusted`` argument of ``skops.io.load``."""


def register_onnx():
    """Teach skl2onnx to convert `ScratchMLPClassifier`, alone or in a pipeline.

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
    update_registered_converter(
        ScratchMLPClassifier,
        "ScratchnnMLPClassifier",
        _set_output_types,
        _convert,
        options={
            "zipmap": [True, False, "columns"],
            "output_class_labels": [False, True],
            "nocl": [True, False],
            "raw_scores": [True, False],
        },
    )


def _set_output_types(operator):
    """Set the types and shapes of the labels and the probabilities."""
    from skl2onnx.common.data_types import Int64TensorType, StringTensorType

    model = operator.raw_operator
    check_is_fitted(model)
    n_rows, n_outputs = operator.inputs[0].get_first_dimension(), model.n_outputs_
    labels = _onnx_labels(model, operator.scope_inst)
    kind = StringTensorType if isinstance(labels[0], str) else Int64TensorType
    several = model.out_activation_ == "logistic"
    operator.outputs[0].set_type(kind([n_rows, n_outputs] if several else [n_rows]))
    operator.outputs[1].type.shape = [n_rows, n_outputs]


def _onnx_labels(model, scope):
    """Return the classes as a list of str or of int."""
    if scope.get_options(model, {"nocl": False})["nocl"]:
        return list(range(model.n_outputs_))
    labels = model.classes_.tolist()
    return labels if isinstance(labels[0], str) else [int(label) for label in labels]


def _convert(scope, operator, container):
    """Add the network's nodes between an operator's inputs and its two outputs."""
    from onnx import TensorProto

    model, graph = operator.raw_operator, _Graph(scope, container)
    logits = _logits(graph, operator.inputs, model)
    raw_scores = scope.get_options(model, {"raw_scores": False})["raw_scores"]
    if model.out_activation_ == "logistic":
        labels = logits.node("Greater", 0.0).cast(TensorProto.INT64)
        scores = logits if raw_scores else logits.node("Sigmoid")
    else:
        classes = graph.constant_labels(_onnx_labels(model, scope))
        labels = classes.node("Gather", logits.node("ArgMax", axis=1, keepdims=0))
        scores = logits if raw_scores else logits.node("Softmax", axis=1)
        if raw_scores and len(model.classes_) == 2:
            scores = logits @ np.array([[1.0, -1.0], [-1.0, 1.0]])
    for result, output in zip((labels, scores), operator.outputs):
        container.add_node("Identity", result.name, output.full_name)


def _logits(graph, inputs, model):
    """Return the logits, as ``Network.forward`` computes them."""
    from onnx import TensorProto
    from skl2onnx.common.data_types import DoubleTensorType

    is_double = isinstance(inputs[0].type, DoubleTensorType)
    dtype = TensorProto.DOUBLE if is_double else TensorProto.FLOAT
    first = TensorProto.DOUBLE if model.coefs_[0].dtype == np.float64 else dtype
    columns = [_Tensor(graph, x.full_name, None).cast(first) for x in inputs]
    a = columns[0]
    if len(columns) > 1:
        a = a.node("Concat", *columns[1:], axis=1)
    for l, name in enumerate(model.activations_):
        z = (a @ model.coefs_[l] + model.intercepts_[l]).cast(dtype)    # F1
        a = ONNX_ACTIVATIONS[name](z)                                   # F2
    return (a @ model.coefs_[-1] + model.intercepts_[-1]).cast(dtype)   # F1


class _Graph:
    """Adds nodes and constants to skl2onnx's container, under names of its scope."""

    def __init__(self, scope, container):
        self.scope, self.container = scope, container

    def node(self, kind, inputs, dtype, attributes):
        """Add a node; return its one output."""
        output = self.scope.get_unique_variable_name(kind.lower())
        name = self.scope.get_unique_operator_name(kind)
        self.container.add_node(kind, inputs, output, name=name, **attributes)
        return _Tensor(self, output, dtype)

    def constant(self, values, dtype):
        """Add numbers."""
        from onnx import helper, numpy_helper

        values = np.asarray(values, helper.tensor_dtype_to_np_dtype(dtype))
        name = self.scope.get_unique_variable_name("constant")
        content = numpy_helper.from_array(values)
        self.container.add_initializer(name, dtype, values.shape, content)
        return _Tensor(self, name, dtype)

    def constant_labels(self, labels):
        """Add a list of str or of int."""
        from onnx import TensorProto

        if not isinstance(labels[0], str):
            return self.constant(labels, TensorProto.INT64)
        name = self.scope.get_unique_variable_name("classes")
        content = [label.encode() for label in labels]
        self.container.add_initializer(
            name, TensorProto.STRING, [len(labels)], content
        )
        return _Tensor(self, name, TensorProto.STRING)


class _Tensor:
    """A value of the graph, to be calculated with as with an array."""

    def __init__(self, graph, name, dtype):
        self.graph, self.name, self.dtype = graph, name, dtype

    def node(self, kind, *others, **attributes):
        """Add a node of this value and others, or numbers."""
        others = [
            x if isinstance(x, _Tensor) else self.graph.constant(x, self.dtype)
            for x in others
        ]
        inputs = [self.name, *(x.name for x in others)]
        return self.graph.node(kind, inputs, self.dtype, attributes)

    def cast(self, dtype):
        """Convert to another type."""
        if dtype == self.dtype:
            return self
        return self.graph.node("Cast", [self.name], dtype, {"to": dtype})

    def __add__(self, other):
        return self.node("Add", other)

    def __mul__(self, other):
        return self.node("Mul", other)

    def __matmul__(self, other):
        return self.node("MatMul", other)


def _expm1_below_zero(z):
    """exp(min(z, 0)) - 1."""
    return z.node("Min", 0.0).node("Exp") + -1.0


def _selu(z):
    return (z.node("Relu") + _expm1_below_zero(z) * SELU.c) * SELU.s


def _gelu(z):
    u = z * (z * z * (GELU.k * GELU.c) + GELU.k)
    return z * (u.node("Tanh") + 1.0) * 0.5


def _softplus(z):
    fraction = z.node("Abs").node("Neg").node("Exp")
    return z.node("Relu") + (fraction + 1.0).node("Log")


# Only operators that runtimes have in float64 too, which "Elu" and its like are not.
ONNX_ACTIVATIONS = {
    "identity": lambda z: z,
    "tanh": lambda z: z.node("Tanh"),
    "logistic": lambda z: z.node("Sigmoid"),
    "relu": lambda z: z.node("Relu"),
    "leaky_relu": lambda z: z.node("Max", z * LeakyReLU.slope),
    "elu": lambda z: z.node("Relu") + _expm1_below_zero(z),
    "selu": _selu,
    "gelu": _gelu,
    "silu": lambda z: z * z.node("Sigmoid"),
    "softplus": _softplus,
}
