"""Activations, links and codes in operators of ONNX, on tensors used like arrays."""

import numpy as np

from ..estimator.attributes import MOST_IN_FLOAT32, MOST_OFFSET_IN_FLOAT32
from ..network.activations import GELU, SELU, LeakyReLU


class Graph:
    """Adds nodes and constants to skl2onnx's container, under names of its scope."""

    def __init__(self, scope, container):
        self.scope, self.container = scope, container

    def node(self, kind, inputs, dtype, attributes):
        """Add a node; return its one output."""
        output = self.scope.get_unique_variable_name(kind.lower())
        name = self.scope.get_unique_operator_name(kind)
        self.container.add_node(kind, inputs, output, name=name, **attributes)
        return Tensor(self, output, dtype)

    def constant(self, values, dtype):
        """Add numbers."""
        from onnx import helper, numpy_helper

        values = np.asarray(values, helper.tensor_dtype_to_np_dtype(dtype))
        name = self.scope.get_unique_variable_name("constant")
        content = numpy_helper.from_array(values)
        self.container.add_initializer(name, dtype, values.shape, content)
        return Tensor(self, name, dtype)

    def constant_indices(self, indices):
        """Add whole numbers."""
        from onnx import TensorProto

        return self.constant(indices, TensorProto.INT64)

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
        return Tensor(self, name, TensorProto.STRING)


class Tensor:
    """A value of the graph, to be calculated with as with an array."""

    def __init__(self, graph, name, dtype):
        self.graph, self.name, self.dtype = graph, name, dtype

    def node(self, kind, *others, dtype=None, **attributes):
        """Add a node of this value and others, or numbers.

        What it gives is of this value's type, unless ``dtype`` names another.
        """
        others = [
            x if isinstance(x, Tensor) else self.graph.constant(x, self.dtype)
            for x in others
        ]
        inputs = [self.name, *(x.name for x in others)]
        return self.graph.node(kind, inputs, dtype or self.dtype, attributes)

    def cast(self, dtype):
        """Convert to another type."""
        if dtype == self.dtype:
            return self
        return self.graph.node("Cast", [self.name], dtype, {"to": dtype})

    def is_nan(self):
        """Whether each value is NaN."""
        from onnx import TensorProto

        return self.node("IsNaN", dtype=TensorProto.BOOL)

    def at_most_the_largest(self):
        """The largest number of this type in place of what is beyond it."""
        from onnx import helper

        dtype = helper.tensor_dtype_to_np_dtype(self.dtype)
        return self.node("Min", np.finfo(dtype).max)

    def __add__(self, other):
        return self.node("Add", other)

    def __sub__(self, other):
        return self.node("Sub", other)

    def __truediv__(self, other):
        return self.node("Div", other)

    def __mul__(self, other):
        return self.node("Mul", other)

    def __matmul__(self, other):
        return self.node("MatMul", other)


def code_of_texts(texts, keys):
    """Return the position of each text among keys.

    That of "", unless it is a key, is the number of keys; that of others one more.
    """
    from onnx import TensorProto

    known = keys if "" in keys else [*keys, ""]
    return texts.node(
        "LabelEncoder",
        dtype=TensorProto.INT64,
        op_domain="ai.onnx.ml",
        op_version=2,
        keys_strings=[key.encode() for key in known],
        values_int64s=list(range(len(known))),
        default_int64=len(keys) + 1,
    )


def code_of_numbers(numbers, keys):
    """Return the same of numbers, where NaN is in place of "".

    No LabelEncoder before its fourth version takes float64, so there is none here.
    """
    from onnx import TensorProto

    gaps = numbers.cast(TensorProto.FLOAT).is_nan()
    matches = numbers.node("Equal", keys, dtype=TensorProto.BOOL)
    matches = matches.node("Concat", gaps, axis=1).cast(TensorProto.FLOAT)
    positions, none = np.arange(len(keys) + 1), len(keys) + 1
    code = matches @ (positions - none)[:, np.newaxis] + none
    return code.cast(TensorProto.INT64)


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


def _log_of_mean(logarithms, weights):
    """Log sum_m w_m exp(l_m)."""
    terms = [l + np.log(w) for l, w in zip(logarithms, weights) if w > 0]
    if len(terms) == 1:
        return terms[0]
    largest = terms[0].node("Max", *terms[1:])
    total = (terms[0] - largest).node("Exp")
    for term in terms[1:]:
        total = total + (term - largest).node("Exp")
    return largest + total.node("Log")


class _SoftmaxLink:
    """One label a row."""

    def logits_of_mean(self, logits, weights):
        return _log_of_mean([z.node("LogSoftmax", axis=1) for z in logits], weights)

    def shape_of_labels(self, n_rows, n_outputs):
        return [n_rows]

    def labels(self, logits, graph, classes):
        classes = graph.constant_labels(classes)
        return classes.node("Gather", logits.node("ArgMax", axis=1, keepdims=0))

    def scores(self, logits):
        return logits.node("Softmax", axis=1)

    def raw_scores(self, logits, n_outputs):
        """Of two classes their log-odds, with either sign."""
        if n_outputs > 2:
            return logits
        return logits @ np.array([[1.0, -1.0], [-1.0, 1.0]])


class _LogisticLink:
    """Several labels a row."""

    def logits_of_mean(self, logits, weights):
        present = [_softplus(z.node("Neg")).node("Neg") for z in logits]
        absent = [_softplus(z).node("Neg") for z in logits]
        return _log_of_mean(present, weights) - _log_of_mean(absent, weights)

    def shape_of_labels(self, n_rows, n_outputs):
        return [n_rows, n_outputs]

    def labels(self, logits, graph, classes):
        from onnx import TensorProto

        return logits.node("Greater", 0.0).cast(TensorProto.INT64)

    def scores(self, logits):
        return logits.node("Sigmoid")

    def raw_scores(self, logits, n_outputs):
        return logits


class _IdentityLink:
    """Numbers."""

    def needs_float64(self, center, scale):
        """Whether float32 has too few digits for numbers of such units, (K,) each."""
        sizes = np.concatenate([np.abs(center), scale, 1 / scale])
        far = np.abs(center) > MOST_OFFSET_IN_FLOAT32 * scale
        return bool((sizes > MOST_IN_FLOAT32).any() or far.any())

    def logits_of_mean(self, logits, weights):
        first, *others = [z * w for z, w in zip(logits, weights) if w > 0]
        return sum(others, start=first)

    def scores(self, logits):
        return logits


class _ExpLink:
    """Numbers of 0 or more, by their logarithms."""

    def needs_float64(self, center, scale):
        """By their size alone: the spread of an exponential is of its size."""
        return bool((np.maximum(scale, 1 / scale) > MOST_IN_FLOAT32).any())

    def logits_of_mean(self, logits, weights):
        return _log_of_mean(logits, weights)

    def scores(self, logits):
        return logits.node("Exp").at_most_the_largest()


ONNX_LINKS = {
    "softmax": _SoftmaxLink(),
    "logistic": _LogisticLink(),
    "identity": _IdentityLink(),
    "exp": _ExpLink(),
}
