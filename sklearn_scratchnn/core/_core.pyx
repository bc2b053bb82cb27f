# cython: language_level=3, freethreading_compatible=True
"""The passes of core.h behind checks, with BLAS from SciPy.

Everything that a pass reads is looked at here, once: its address, type and shape. The
arrays are held for as long as their addresses are. In between, C has no Python object to
look at, and lets other threads run.
"""

from cpython.exc cimport PyErr_CheckSignals
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.pycapsule cimport PyCapsule_GetName, PyCapsule_GetPointer
from libc.stdint cimport int32_t, int64_t, uint32_t, uintptr_t

cimport cython

import numpy as np
from scipy.linalg import cython_blas


cdef extern from "core.h" nogil:
    ctypedef int kind_t "enum kind"
    ctypedef int activation_t "enum activation"
    ctypedef int loss_t "enum loss"
    ctypedef int rule_t "enum rule"
    ctypedef void (*gemm_function)(
        char *, char *, int *, int *, int *, void *, void *, int *, void *, int *,
        void *, void *, int *
    ) noexcept
    ctypedef void (*syrk_function)(
        char *, char *, int *, int *, void *, void *, int *, void *, void *, int *
    ) noexcept
    ctypedef struct bit_generator:
        pass
    ctypedef struct column:
        const char *data
        Py_ssize_t stride
        kind_t kind
    ctypedef struct binned_column:
        int32_t column, n_bins, first_edge, first_sum
    ctypedef struct row_source:
        const column *numbers
        int32_t n_numbers
        int contiguous
        const double *fill
        const double *mean
        const double *inverse
        const void *mean_of_float
        const void *inverse_of_float
        const binned_column *binned
        int32_t n_binned
        const double *edges
        const int32_t *gaps
        int32_t n_gaps
        const column *codes
        int32_t n_codes, n_bins, n_categories, n_index
        const int64_t *subset
        const column *targets
        int32_t n_targets
        const void *target_table
        const void *weights
    ctypedef struct layer:
        int32_t fan_in, fan_out
        activation_t activation
        void *W
        void *b
        void *dW
        void *db
    ctypedef struct c_pass "pass":
        int wide
        gemm_function gemm
        syrk_function syrk
        row_source source
        layer *layers
        int32_t n_layers
        loss_t loss
        double threshold, quantile
        bit_generator *bits
        uint32_t dropout_least
        double dropout_scale
        Py_ssize_t n_rows, block_rows, n_weights, n_parameters
        void *theta
        void *gradient
        double penalty
        int keeps_rows, reads_in_place
        int32_t n_sums
    ctypedef struct c_optimizer "optimizer":
        rule_t rule
        void *first
        void *second
        double momentum
        int nesterov
        double beta_1, beta_2, epsilon, weight_decay
        int64_t t
    size_t scratchnn_place(c_pass *, char *, int, int)
    double scratchnn_value_and_gradient(c_pass *, Py_ssize_t, Py_ssize_t)
    double scratchnn_value(c_pass *, Py_ssize_t, Py_ssize_t)
    int scratchnn_outputs(c_pass *, Py_ssize_t, Py_ssize_t, void *, void *, int)
    void scratchnn_curvature(c_pass *, Py_ssize_t, Py_ssize_t, void *)
    double scratchnn_batches(
        c_pass *, c_optimizer *, const int64_t *, Py_ssize_t, Py_ssize_t, Py_ssize_t,
        const double *, double, double *
    )
    double scratchnn_penalty(const c_pass *)
    double scratchnn_step(c_pass *, c_optimizer *, double, double, int)
    const char *SCRATCHNN_DIGEST

ctypedef double (*loss_of_rows)(c_pass *, Py_ssize_t, Py_ssize_t) noexcept nogil

DIGEST = SCRATCHNN_DIGEST.decode("ascii")

# Each in the order of its enum in core.h.
KINDS = ("f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")
CODE_KINDS = ("i1", "i2", "i4", "i8", "u1")
ACTIVATIONS = (
    "identity",
    "tanh",
    "logistic",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "softplus",
    "gelu",
    "silu",
)
LOSSES = (
    "softmax_cross_entropy",
    "logistic_cross_entropy",
    "squared_error",
    "poisson",
    "huber",
    "quantile",
)
RULES = ("sgd", "adam")

TINY = np.finfo(np.float32).tiny

# Of multiplications, after which C lets Python look for Ctrl-C: some hundredths of a
# second.
WORK_BETWEEN_SIGNALS = 1e8


cdef void *_function(str name) except NULL:
    """Return a function of SciPy's BLAS."""
    capsule = cython_blas.__pyx_capi__[name]
    cdef const char *signature = PyCapsule_GetName(capsule)
    if b"int *" not in signature:
        raise ImportError(f"SciPy's {name} counts in other integers: {signature!r}")
    return PyCapsule_GetPointer(capsule, signature)


cdef gemm_function sgemm = <gemm_function>_function("sgemm")
cdef gemm_function dgemm = <gemm_function>_function("dgemm")
cdef syrk_function ssyrk = <syrk_function>_function("ssyrk")
cdef syrk_function dsyrk = <syrk_function>_function("dsyrk")


cdef void *_address(
    array, str name, dtype, tuple shape, bint written=False
) except? NULL:
    """Return where an array begins that must be of one dtype and shape, and whole."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name} must be an ndarray, got {type(array).__name__}.")
    if array.dtype != dtype:
        raise TypeError(f"{name} must be of dtype {np.dtype(dtype)}, got {array.dtype}.")
    if array.shape != shape:
        raise ValueError(f"{name} must be of shape {shape}, got {array.shape}.")
    if not (array.flags.c_contiguous and array.flags.aligned):
        raise ValueError(f"{name} must be aligned and contiguous.")
    if written and not array.flags.writeable:
        raise ValueError(f"{name} is read-only, and would be written.")
    return <void *><uintptr_t>array.__array_interface__["data"][0]


cdef int _place(name, names, str what) except -1:
    """Return the place of a name."""
    if name not in names:
        raise ValueError(f"{name!r} is no {what} of the core, which has {names}.")
    return names.index(name)


cdef int _kind(array, str name, kinds) except -1:
    """Return the place of an array's dtype in `KINDS`."""
    code = array.dtype.str[1:] if array.dtype != bool else "u1"
    if code not in kinds or not array.dtype.isnative:
        raise TypeError(f"{name} has dtype {array.dtype}, which the core does not read.")
    return KINDS.index(code)


cdef int _set_columns(column *out, Py_ssize_t n, array, str name, kinds) except -1:
    """Write where the columns of a matrix lie, or the one of a flat array."""
    cdef int kind = _kind(array, name, kinds)
    cdef uintptr_t start = array.__array_interface__["data"][0]
    cdef Py_ssize_t j, row = array.strides[0], step = array.strides[array.ndim - 1]
    for j in range(n):
        out[j].data = <const char *>(start + j * step)
        out[j].stride = row
        out[j].kind = <kind_t>kind
    return 0


@cython.no_gc_clear  # its arrays must live as long as their addresses
cdef class Pass:
    """The passes of one network over one set of rows.

    Parameters
    ----------
    parameters, gradient : ParameterVector
        Of the same layout; read and written where they lie.
    activations : sequence of str
        One a hidden layer.
    loss : str
    rows : RowSource
    targets : ndarray of shape (n,), (n, K) or None
        Codes, or numbers where there is no table; None for predictions alone.
    target_table : ndarray or None
        The targets of a code, (n_codes, K), or of the code of one output, (n_codes,).
    weights : ndarray of shape (n_rows, 1) or None
        Of mean 1.
    block_rows : int
        Rows that are computed at once; of the curvature at most as many as are done
        between two looks for Ctrl-C.
    batches : bool, default=False
        Whether `batches` will be called.
    keeps_rows : bool, default=False
        Whether the blocks are prepared once and kept.
    curvature : bool, default=False
        Whether `curvature` will be called.
    masks : DropoutMasks, default=None
        None for no dropout.
    huber_threshold, quantile : float
        Of the losses that have them; these must be given then.

    Raises
    ------
    TypeError, ValueError
        If an array is not of the dtype or the shape that it must have.
    """

    cdef c_pass p
    cdef list _held
    cdef bint _backward, _batches, _curvature, _ready
    cdef Py_ssize_t _n_rows_between_signals
    cdef readonly object dtype
    cdef readonly tuple layer_sizes

    def __cinit__(self):
        self._held = []

    def __dealloc__(self):
        PyMem_Free(self.p.layers)
        PyMem_Free(<void *>self.p.source.numbers)
        PyMem_Free(<void *>self.p.source.codes)
        PyMem_Free(<void *>self.p.source.targets)
        PyMem_Free(<void *>self.p.source.binned)

    def __init__(
        self,
        parameters,
        gradient,
        activations,
        loss,
        rows,
        *,
        targets=None,
        target_table=None,
        weights=None,
        block_rows,
        batches=False,
        keeps_rows=False,
        curvature=False,
        masks=None,
        huber_threshold=0.0,
        quantile=0.0,
    ):
        if self.p.layers != NULL:
            raise RuntimeError("A Pass is made once.")
        self.dtype = np.dtype(parameters.dtype)
        if self.dtype not in (np.float32, np.float64):
            raise TypeError(f"The core computes no {self.dtype}.")
        self.layer_sizes = tuple(parameters.layer_sizes)
        self._backward, self._batches = gradient is not None, batches
        self._curvature = curvature
        self.p.wide = self.dtype == np.float64
        self.p.gemm = dgemm if self.p.wide else sgemm
        self.p.syrk = dsyrk if self.p.wide else ssyrk
        self.p.loss = <loss_t>_place(loss, LOSSES, "loss")
        self.p.threshold, self.p.quantile = huber_threshold, quantile
        if masks is not None:
            self.p.dropout_least, self.p.dropout_scale = masks.least, masks.scale
            capsule = masks.generator.bit_generator.capsule
            self.p.bits = <bit_generator *>PyCapsule_GetPointer(capsule, "BitGenerator")
            self._held.append(masks.generator)
        self._set_layers(parameters, gradient, activations)
        self._set_rows(rows)
        self._set_targets(rows, targets, target_table, weights)
        if not 1 <= block_rows <= max(1, self.p.n_rows):
            raise ValueError(f"block_rows={block_rows} is not in 1 .. {self.p.n_rows}.")
        work_of_a_row = 6 * self.p.n_parameters + 50 * sum(self.layer_sizes)
        if curvature:
            work_of_a_row += self.layer_sizes[-1] * self.p.n_parameters**2
            most = int(WORK_BETWEEN_SIGNALS / work_of_a_row)
            block_rows = max(1, min(block_rows, most))
        self.p.block_rows = block_rows
        self.p.keeps_rows = keeps_rows and not batches
        self.p.reads_in_place = not batches and self._lies_as_inputs(rows)
        used = scratchnn_place(&self.p, NULL, self._backward, curvature)
        arena = np.empty(used + 64, np.uint8)
        self._held.append(arena)
        start = <uintptr_t>arena.__array_interface__["data"][0]
        start += -start % 64
        scratchnn_place(
            &self.p, <char *><uintptr_t>start, self._backward, curvature
        )
        blocks = max(1, round(WORK_BETWEEN_SIGNALS / (work_of_a_row * block_rows)))
        self._n_rows_between_signals = blocks * block_rows
        self._ready = True

    cdef int _check_ready(self) except -1:
        if not self._ready:
            raise RuntimeError("This Pass was not made to its end.")
        return 0

    cdef void *_hold(
        self, array, str name, dtype, tuple shape, bint written=False
    ) except? NULL:
        cdef void *address = _address(array, name, dtype, shape, written)
        self._held.append(array)
        return address

    cdef int _set_layers(self, parameters, gradient, activations) except -1:
        sizes = self.layer_sizes
        n_layers = len(sizes) - 1
        if n_layers < 1 or min(sizes) < 1 or max(sizes) >= 2**31:
            raise ValueError(f"The layers' sizes {sizes} are not those of a network.")
        if len(activations) != n_layers - 1:
            raise ValueError(f"{n_layers} layers have {n_layers - 1} activations.")
        self.p.layers = <layer *>PyMem_Calloc(n_layers, sizeof(layer))
        if self.p.layers == NULL:
            raise MemoryError
        self.p.n_layers = n_layers
        cdef layer *l
        cdef Py_ssize_t i
        for i in range(n_layers):
            l = self.p.layers + i
            fan_in, fan_out = sizes[i], sizes[i + 1]
            l.fan_in, l.fan_out = fan_in, fan_out
            if i < n_layers - 1:
                l.activation = <activation_t>_place(
                    activations[i], ACTIVATIONS, "activation"
                )
            shape = (fan_in, fan_out)
            l.W = self._hold(parameters.weights[i], "weights", self.dtype, shape)
            l.b = self._hold(parameters.biases[i], "biases", self.dtype, (fan_out,))
            if gradient is None:
                continue
            l.dW = self._hold(gradient.weights[i], "gradient", self.dtype, shape, True)
            l.db = self._hold(
                gradient.biases[i], "gradient", self.dtype, (fan_out,), True
            )
        if gradient is not None:
            n = len(parameters.theta)
            self.p.n_parameters, self.p.n_weights = n, len(parameters.penalised)
            self.p.theta = self._hold(parameters.theta, "theta", self.dtype, (n,), True)
            self.p.gradient = self._hold(
                gradient.theta, "gradient", self.dtype, (n,), True
            )
        else:
            self.p.n_parameters = sum(W.size for W in parameters.weights)
        return 0

    cdef column *_columns(self, arrays, str name, kinds) except NULL:
        """Return columns of rows: of each array a column, or all of a matrix."""
        matrix = isinstance(arrays, np.ndarray)
        cdef Py_ssize_t j, n = arrays.shape[1] if matrix else len(arrays)
        cdef column *columns = <column *>PyMem_Calloc(max(n, 1), sizeof(column))
        if columns == NULL:
            raise MemoryError
        self._held.append(arrays)
        try:
            if matrix:
                _set_columns(columns, n, arrays, name, kinds)
                return columns
            for j in range(n):
                if arrays[j].ndim != 1 or len(arrays[j]) != len(arrays[0]):
                    raise ValueError(f"The columns of {name} differ in their length.")
                _set_columns(columns + j, 1, arrays[j], name, kinds)
        except BaseException:
            PyMem_Free(columns)
            raise
        return columns

    cdef int _set_rows(self, rows) except -1:
        cdef row_source *s = &self.p.source
        numbers, matrix = rows.numbers, isinstance(rows.numbers, np.ndarray)
        s.numbers = self._columns(numbers, "X", KINDS)
        n_numbers = s.n_numbers = numbers.shape[1] if matrix else len(numbers)
        n = len(numbers) if matrix else len(numbers[0]) if numbers else len(rows.codes)
        s.contiguous = (
            matrix
            and n_numbers > 0
            and numbers.dtype in (np.float32, np.float64)
            and numbers.flags.aligned
            and numbers.strides[1] == numbers.itemsize
        )
        self._set_bins(rows, n_numbers)
        s.gaps = <const int32_t *>self._hold(
            rows.gaps, "gaps", np.int32, (len(rows.gaps),)
        )
        s.n_gaps = len(rows.gaps)
        if s.n_gaps and not 0 <= min(rows.gaps) <= max(rows.gaps) < n_numbers:
            raise ValueError("A gap is in no column.")
        s.n_categories = rows.n_categories
        if rows.codes is not None:
            s.n_codes = rows.codes.shape[1]
            s.codes = self._columns(rows.codes, "codes", CODE_KINDS)
            if len(rows.codes) != n:
                raise ValueError(f"There are {len(rows.codes)} codes for {n} rows.")
            if rows.codes.size and rows.codes.max() >= rows.n_categories:
                raise ValueError(f"A code is not below {rows.n_categories}.")
        s.n_index = s.n_binned + s.n_gaps + s.n_codes
        self.p.n_sums = s.n_bins + s.n_binned + s.n_gaps + s.n_categories
        n_inputs = n_numbers + s.n_bins + s.n_gaps + s.n_categories
        if n_inputs != self.layer_sizes[0]:
            raise ValueError(f"{n_inputs} inputs for {self.layer_sizes[0]} weights.")
        if rows.fill is not None:
            s.fill = <const double *>self._hold(
                rows.fill, "fill", np.float64, (n_numbers,)
            )
        if rows.mean is not None:
            with np.errstate(over="ignore"):
                inverse = 1 / rows.scale
            if not np.isfinite(inverse).all():
                raise ValueError("A scale is too small to divide by.")
            shape = (n_inputs,)
            s.mean = <double *>self._hold(rows.mean, "mean", np.float64, shape)
            s.inverse = <double *>self._hold(inverse, "scale", np.float64, shape)
            if not self.p.wide:
                self._set_scaling_of_floats(rows, inverse)
        if rows.subset is not None:
            n_rows = len(rows.subset)
            if n_rows and not 0 <= rows.subset.min() <= rows.subset.max() < n:
                raise ValueError("The subset has a row that X has not.")
            s.subset = <int64_t *>self._hold(rows.subset, "subset", np.int64, (n_rows,))
            n = n_rows
        self.p.n_rows = n
        return 0

    cdef int _set_scaling_of_floats(self, rows, inverse) except -1:
        """Hold mean and scale as floats too, if these have room for them."""
        cdef row_source *s = &self.p.source
        with np.errstate(over="ignore", under="ignore"):
            floats = rows.mean.astype(np.float32), inverse.astype(np.float32)
        if not (np.isfinite(floats).all() and np.all(floats[1] > TINY)):
            return 0
        s.mean_of_float = self._hold(floats[0], "mean", np.float32, rows.mean.shape)
        s.inverse_of_float = self._hold(
            floats[1], "scale", np.float32, rows.mean.shape
        )
        return 0

    cdef int _set_bins(self, rows, n_numbers) except -1:
        cdef row_source *s = &self.p.source
        edges = rows.edges or []
        if len(edges) not in (0, n_numbers):
            raise ValueError(f"{len(edges)} lists of edges for {n_numbers} columns.")
        cut = [j for j in range(len(edges)) if len(edges[j]) > 1]
        cdef binned_column *binned = <binned_column *>PyMem_Calloc(
            max(len(cut), 1), sizeof(binned_column)
        )
        if binned == NULL:
            raise MemoryError
        s.binned, s.n_binned = binned, len(cut)
        n_edges = 0
        for i, j in enumerate(cut):
            binned[i].column = j
            binned[i].n_bins = len(edges[j]) - 1
            binned[i].first_edge = binned[i].first_sum = n_edges
            n_edges += len(edges[j])
        s.n_bins = n_edges - len(cut)
        if cut:
            together = np.concatenate([edges[j] for j in cut]).astype(np.float64)
            s.edges = <double *>self._hold(together, "edges", np.float64, (n_edges,))
        return 0

    cdef int _set_targets(self, rows, targets, table, weights) except -1:
        cdef row_source *s = &self.p.source
        n, K = self.p.n_rows, self.layer_sizes[-1]
        if targets is None:
            return 0
        n_targets = targets.shape[1] if targets.ndim == 2 else 1
        if rows.subset is None and len(targets) != n:
            raise ValueError(f"There are {len(targets)} targets for {n} rows.")
        if rows.subset is not None and n and rows.subset.max() >= len(targets):
            raise ValueError("The subset has a row that y has not.")
        columns = targets if targets.ndim == 2 else [targets]
        kinds = KINDS if table is None else CODE_KINDS
        s.targets = self._columns(columns, "y", kinds)
        if table is not None:
            of_rows = targets.ndim == 1
            shape = (len(table), K) if of_rows else (len(table),)
            s.target_table = self._hold(table, "target_table", self.dtype, shape)
            largest = targets.max(initial=0)
            if targets.min(initial=0) < 0 or largest >= len(table):
                raise ValueError(f"A code of y is not in 0 .. {len(table) - 1}.")
            if not of_rows and n_targets != K:
                raise ValueError(f"{n_targets} codes a row for {K} outputs.")
        elif n_targets != K:
            raise ValueError(f"{n_targets} targets a row for {K} outputs.")
        s.n_targets = n_targets
        if weights is not None:
            s.weights = self._hold(weights, "weights", self.dtype, (n, 1))
        return 0

    cdef bint _lies_as_inputs(self, rows) except -1:
        """Whether the blocks of X are what the first product reads."""
        X = rows.numbers
        return (
            self.p.source.contiguous
            and X.dtype == self.dtype
            and X.strides[0] == X.shape[1] * X.itemsize
            and rows.mean is None
            and rows.fill is None
            and rows.subset is None
        )

    @property
    def looks_nothing_up(self):
        """Whether all inputs are read by products."""
        return self.p.n_sums == 0

    @property
    def penalty(self):
        """The factor of the weights in the gradient of `batches` and `step`."""
        return self.p.penalty

    @penalty.setter
    def penalty(self, double penalty):
        self.p.penalty = penalty

    cdef double _sum(self, loss_of_rows loss) except? -1:
        """Return the sum of the losses of all rows."""
        cdef double value = 0
        cdef Py_ssize_t start = 0, stop, step = self._n_rows_between_signals
        while start < self.p.n_rows:
            stop = min(start + step, self.p.n_rows)
            with nogil:
                value += loss(&self.p, start, stop)
            start = stop
            PyErr_CheckSignals()
        return value

    def value_and_gradient(self):
        """Return the weighted loss over all rows, and write its gradient."""
        self._check_ready()
        if not self._backward or self.p.source.n_targets == 0:
            raise ValueError("This Pass predicts, and has no gradient.")
        return self._sum(scratchnn_value_and_gradient)

    def value(self):
        """Return the weighted loss over all rows."""
        self._check_ready()
        if self.p.source.n_targets == 0:
            raise ValueError("This Pass predicts, and has no targets.")
        return self._sum(scratchnn_value)

    def outputs(self, out, targets=None, bint linked=False):
        """Write the logits of all rows, and their targets.

        Parameters
        ----------
        out : ndarray of shape (n_rows, K)
        targets : ndarray of shape (n_rows, K), default=None
        linked : bool, default=False
            Whether probabilities, or predicted numbers, are written in place of logits.

        Returns
        -------
        bool
            Whether all logits are finite.
        """
        self._check_ready()
        cdef bint finite = True
        shape = self.p.n_rows, self.layer_sizes[-1]
        cdef void *into = _address(out, "out", self.dtype, shape, True)
        cdef void *of_y = NULL
        if targets is not None:
            if self.p.source.n_targets == 0:
                raise ValueError("This Pass predicts, and has no targets.")
            of_y = _address(targets, "targets", self.dtype, shape, True)
        cdef Py_ssize_t start = 0, stop, step = self._n_rows_between_signals
        while start < self.p.n_rows:
            stop = min(start + step, self.p.n_rows)
            with nogil:
                finite &= scratchnn_outputs(&self.p, start, stop, into, of_y, linked)
            start = stop
            PyErr_CheckSignals()
        return bool(finite)

    def curvature(self, G):
        """Write the Gauss-Newton matrix of the loss into G.

        Parameters
        ----------
        G : ndarray of shape (n_parameters, n_parameters)
            Added to.
        """
        self._check_ready()
        if not self._curvature or self.p.n_sums:
            raise ValueError("This Pass was not made for the curvature.")
        n = self.p.n_parameters
        cdef void *into = _address(G, "G", self.dtype, (n, n), True)
        cdef Py_ssize_t start = 0, stop, step = self._n_rows_between_signals
        while start < self.p.n_rows:
            stop = min(start + step, self.p.n_rows)
            with nogil:
                scratchnn_curvature(&self.p, start, stop, into)
            start = stop
            PyErr_CheckSignals()

    def batches(
        self, Rule rule not None, order, Py_ssize_t n_batches, rates, double max_norm=0
    ):
        """Update once a batch; return the sum of losses, and the first gradient's norm.

        Parameters
        ----------
        rule : Rule
        order : ndarray of int64 of shape (n_rows,)
            A permutation.
        n_batches : int
        rates : ndarray of float64 of shape (n_batches,)
            Of each update.
        max_norm : float, default=0
            Longer gradients are shortened to it; 0 for none.

        Returns
        -------
        loss, norm : float
        """
        self._check_ready()
        n = self.p.n_rows
        if not (self._batches and self._backward):
            raise ValueError("This Pass was not made for batches.")
        if not 1 <= n_batches <= n or -(-n // n_batches) > self.p.block_rows:
            raise ValueError(f"{n_batches} batches do not fit {self.p.block_rows} rows.")
        cdef const int64_t *rows = <int64_t *>_address(order, "order", np.int64, (n,))
        if not 0 <= order.min() <= order.max() < n:
            raise ValueError("The order has a row that is not there.")
        cdef const double *rate = <double *>_address(
            rates, "rates", np.float64, (n_batches,)
        )
        rule.check(self.p.n_parameters, self.dtype)
        cdef double value = 0, norm = 0
        cdef double *first_norm = &norm
        cdef Py_ssize_t start = 0, stop
        cdef Py_ssize_t step = max(1, self._n_rows_between_signals * n_batches // n)
        while start < n_batches:
            stop = min(start + step, n_batches)
            with nogil:
                value += scratchnn_batches(
                    &self.p, &rule.o, rows, start, stop, n_batches, rate + start,
                    max_norm, first_norm
                )
            first_norm = NULL
            start = stop
            PyErr_CheckSignals()
        return value, norm

    def descend(self, Rule rule not None, double rate, double max_norm=0):
        """Update once, by the gradient over all rows.

        Parameters
        ----------
        rule : Rule
        rate : float
        max_norm : float, default=0
            As of `batches`.

        Returns
        -------
        loss, norm : float
            Of the parameters before the step, both with the penalty.
        """
        rule.check(self.p.n_parameters, self.dtype)
        cdef double value = self.value_and_gradient()
        if self.p.penalty != 0:
            value += scratchnn_penalty(&self.p)
        cdef double norm
        with nogil:
            norm = scratchnn_step(&self.p, &rule.o, rate, max_norm, True)
        return value, norm


cdef class Rule:
    """An optimizer, and the arrays of its state.

    Parameters
    ----------
    name : {"sgd", "adam"}
    first, second : ndarray of shape (n_parameters,) or None
        The velocity, None for none; or both moments. Written in place.
    momentum, nesterov, beta_1, beta_2, epsilon, weight_decay
        As the optimizers have them.
    t : int, default=0
        Updates made before, by Adam.
    """

    cdef c_optimizer o
    cdef readonly object first, second
    cdef Py_ssize_t _checked
    cdef object _dtype

    def __init__(
        self,
        name,
        first=None,
        second=None,
        *,
        momentum=0.0,
        nesterov=False,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        weight_decay=0.0,
        t=0,
    ):
        if self._checked != 0:
            raise RuntimeError("A Rule is made once.")
        self.o.rule = <rule_t>_place(name, RULES, "rule")
        self._checked = -1
        self.first, self.second = first, second
        self.o.momentum, self.o.nesterov = momentum, nesterov
        self.o.beta_1, self.o.beta_2, self.o.epsilon = beta_1, beta_2, epsilon
        self.o.weight_decay, self.o.t = weight_decay, t

    @property
    def t(self):
        """Updates made, by Adam."""
        return self.o.t

    cdef int check(self, Py_ssize_t n, dtype) except -1:
        """Look at the state's arrays, once for each size."""
        if self._checked == n and self._dtype is dtype:
            return 0
        self._checked = -1
        cdef bint adam = RULES[<int>self.o.rule] == "adam"
        self.o.first = self.o.second = NULL
        if adam or self.first is not None:
            self.o.first = _address(self.first, "the state", dtype, (n,), True)
        if adam:
            self.o.second = _address(self.second, "the state", dtype, (n,), True)
        self._checked, self._dtype = n, dtype
        return 0
