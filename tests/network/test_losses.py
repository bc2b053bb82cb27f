"""Every loss against its formula, its link against SciPy's, its curvature exactly.

A loss is reached through an objective whose logits are its weights: X is the identity,
so that C(theta) is the mean loss of the rows of W and the gradient is delta.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import trapezoid
from scipy.special import expit, huber, kl_div, log_expit, log_softmax, softmax, xlogy
from sklearn.datasets import make_multilabel_classification
from sklearn.metrics import log_loss, mean_poisson_deviance, mean_squared_error

from sklearn_scratchnn import ScratchMLPClassifier, ScratchMLPRegressor
from sklearn_scratchnn.data.sample import make_sample
from sklearn_scratchnn.network.losses import LOSSES, HuberLoss, QuantileLoss
from sklearn_scratchnn.network.number_losses import SMOOTHED, distribution, quantile_of

N, K = 6, 4
OTHER_SETTINGS = {
    "huber to 0.1": HuberLoss(0.1),
    "huber to 3": HuberLoss(3.0),
    "quantile 0.1": QuantileLoss(0.1),
    "quantile 0.9": QuantileLoss(0.9),
}
ALL = LOSSES | OTHER_SETTINGS
NUMBERS = {name: loss for name, loss in ALL.items() if loss.predicts_numbers}
LABELS = {name: loss for name, loss in ALL.items() if not loss.predicts_numbers}
CURVED = {name: loss for name, loss in ALL.items() if loss.has_curvature}
BENT = {name: loss for name, loss in NUMBERS.items() if not loss.has_curvature}
WILD = [-3e38, -1e30, -1e4, -800.0, -1.0, 0.0, 1e-30, 1.0, 800.0, 1e4, 1e30, 3e38]


def each(some):
    return pytest.mark.parametrize("loss", some.values(), ids=some)


losses, numbers = each(ALL), each(NUMBERS)
weighted = pytest.mark.parametrize("weighted", [False, True])
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def some_y(loss):
    """Return labels, or numbers: counts with a zero among them, or of both signs."""
    rng = np.random.RandomState(1)
    if loss.out_activation == "logistic":
        return rng.randint(2, size=(N, K))
    if loss.out_activation == "softmax":
        return np.arange(N) % K
    if loss.out_activation == "exp":
        counts = rng.poisson(2.0, (N, K)).astype(float)
        assert (counts == 0).any()
        return counts
    y = 2 * rng.randn(N, K)
    y[0] = logits()[0] + [0.02, -0.01, 0.3, 0.0]  # within some bends
    return np.round(1024 * y) / 1024  # of few bits, all of which are kept


def targets(loss, smoothing=0.0):
    """Return numbers, or labels as probabilities, (N, K), drawn towards even ones."""
    y = some_y(loss)
    if loss.predicts_numbers:
        return y
    if loss.out_activation == "logistic":
        return (1 - smoothing) * y + smoothing * 0.5
    return (1 - smoothing) * np.eye(K)[y] + smoothing / K


def bent_pinball(u, q, h):
    """Return max(q u, (q - 1) u), and between -h and h the parabola that meets it."""
    parabola = q * u + (h - u) ** 2 / (4 * h)
    return np.where(np.abs(u) < h, parabola, np.maximum(q * u, (q - 1) * u))


def formula(loss, z, Y):
    """Return the loss of each row of z, a sum over its outputs."""
    oracles = {
        "softmax_cross_entropy": lambda: -Y * log_softmax(z, axis=1),
        "logistic_cross_entropy": lambda: -Y * log_expit(z) - (1 - Y) * log_expit(-z),
        "squared_error": lambda: (z - Y) ** 2 / 2,
        "poisson": lambda: kl_div(Y, np.exp(z)),
        "huber": lambda: huber(loss.huber_threshold, z - Y),
        "quantile": lambda: bent_pinball(Y - z, loss.quantile, SMOOTHED),
    }
    assert loss.name in oracles, f"write the formula of {loss.name} out in this file"
    return oracles[loss.name]().sum(axis=1)


def derivative(loss, z, Y):
    """Return dC/dz."""
    if loss.name == "huber":
        return np.clip(z - Y, -loss.huber_threshold, loss.huber_threshold)
    if loss.name == "quantile":
        return np.interp(z - Y, [-SMOOTHED, SMOOTHED], [0, 1]) - loss.quantile
    return link(loss, z) - Y


def link(loss, z):
    links = {
        "softmax": lambda: softmax(z, axis=1),
        "logistic": lambda: expit(z),
        "identity": lambda: z,
        "exp": lambda: np.exp(z),
    }
    return links[loss.out_activation]()


@pytest.fixture
def objective_at(objective_of):
    """Return an objective whose logits are z, (N, K)."""

    def objective_at(loss, z, **settings):
        theta = np.concatenate([z.ravel(), np.zeros(K)])
        data = np.eye(N), some_y(loss)
        return objective_of((), loss, data=data, theta=theta, **settings)

    return objective_at


def logits(scale=3.0):
    return scale * np.random.RandomState(0).randn(N, K)


def differences(f, z, h=1e-6):
    """Return the derivative of f(z), (N, ..), in each logit, a new first axis."""
    steps = h * np.eye(K)
    return np.array([(f(z + step) - f(z - step)) / (2 * h) for step in steps])


@losses
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@weighted
def test_value_and_delta(objective_at, loss, smoothing, weighted):
    """By the formulas; with label smoothing, which numbers have not, and weights."""
    z, Y = logits(), targets(loss, smoothing)
    weight = np.arange(1.0, N + 1) if weighted else None
    objective = objective_at(loss, z, smoothing=smoothing, sample_weight=weight)
    w = np.full(N, 1 / N) if weight is None else weight / weight.sum()
    expected = w @ formula(loss, z, Y)
    assert_allclose(objective.value_and_gradient(), expected, rtol=1e-12)
    delta = w[:, np.newaxis] * derivative(loss, z, Y)
    assert_allclose(objective.gradient.weights[0], delta, rtol=1e-12, atol=1e-15)
    biases = objective.gradient.biases[0]
    assert_allclose(biases, delta.sum(axis=0), rtol=1e-11, atol=1e-15)
    assert_allclose(objective.value(), expected, rtol=1e-12)


@losses
@pytest.mark.parametrize("block", [None, 4], ids=["whole", "blocks"])
@weighted
def test_losses_of_rows(objective_at, loss, block, weighted):
    """Each row's own, from the outputs, and their weighted mean the value."""
    z = logits()
    weight = np.arange(1.0, N + 1) if weighted else None
    objective = objective_at(loss, z, sample_weight=weight, block=block)
    outputs, Y, w = objective.outputs()
    assert_allclose(outputs, z, rtol=1e-12)
    assert_allclose(w[:, 0], 1.0 if weight is None else weight, rtol=1e-12)
    rows = loss.row_losses(outputs, Y)
    assert_allclose(rows, formula(loss, z, targets(loss)), rtol=1e-12)
    mean = np.average(rows, weights=w[:, 0])
    assert_allclose(mean, objective.value(), rtol=1e-12)


@losses
@dtypes
def test_value_and_delta_are_those_of_the_rows(loss, dtype):
    """In the dtype of the logits, with one weight and with one a row."""
    z, Y = logits().astype(dtype), targets(loss).astype(dtype)
    rows = loss.row_losses(z.copy(), Y)
    assert rows.dtype == dtype
    assert_allclose(rows, formula(loss, z.astype(float), Y.astype(float)), rtol=1e-4)
    delta, row = np.empty_like(z), np.empty((N, 1), dtype)
    for weight in 0.25, np.arange(1.0, N + 1, dtype=dtype)[:, np.newaxis]:
        value = loss.value_and_delta(z.copy(), Y, weight, delta, row)
        assert_allclose(value, np.sum(weight * rows[:, np.newaxis]), rtol=1e-5)
        expected = weight * derivative(loss, z, Y)
        assert_allclose(delta, expected, rtol=1e-4, atol=1e-5)


@losses
@pytest.mark.parametrize("scale", [0.01, 1.0, 10.0])
def test_delta_is_the_derivative_of_a_rows_loss(loss, scale):
    """By differences, on either side of every bend."""
    z, Y = logits(scale), targets(loss)
    delta, row = np.empty_like(z), np.empty((N, 1))
    loss.value_and_delta(z.copy(), Y, 1.0, delta, row)
    found = differences(lambda z: loss.row_losses(z.copy(), Y), z)
    size = np.abs(delta).max()
    assert_allclose(found.T, delta, rtol=1e-7, atol=1e-8 * size)


@each(LABELS | {"squared_error": LOSSES["squared_error"]} | BENT)
@pytest.mark.parametrize("size", [700.0, 1e6, 1e30])
def test_value_and_delta_of_large_logits(objective_at, loss, size):
    """The loss grows as the logits do; an exp may be infinite on the way, not NaN."""
    z = size * np.sign(logits())
    with np.errstate(over="ignore", invalid="raise", divide="raise"):
        objective = objective_at(loss, z)
        value = objective.value_and_gradient()
    assert_allclose(value, formula(loss, z, targets(loss)).mean(), rtol=1e-12)
    delta = derivative(loss, z, targets(loss)) / N
    assert_allclose(objective.gradient.weights[0], delta, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("loss", LABELS.values(), ids=LABELS)
def test_least_loss_of_the_intercepts_is_that_of_the_frequencies(objective_at, loss):
    """Where no row has a feature, the best outputs are how often each class occurs."""
    Y = targets(loss).mean(axis=0)
    p = np.clip(Y, 1e-300, 1)
    z = np.log(p) if loss.out_activation == "softmax" else np.log(p / (1 - p))
    objective = objective_at(loss, np.tile(z, (N, 1)))
    assert_allclose(objective.value_and_gradient(), entropy(loss, Y), rtol=1e-12)
    assert_allclose(objective.gradient.biases[0], 0, atol=1e-15)


def entropy(loss, p):
    """Return the least loss of a constant, for classes of these frequencies."""
    absent = xlogy(1 - p, 1 - p).sum() if loss.out_activation == "logistic" else 0.0
    return -xlogy(p, p).sum() - absent


# Numbers ----------------------------------------------------------------------------


@dtypes
def test_poisson_of_logits_beyond_every_exponential(dtype):
    """Value, derivative and the squares of both stay finite, and of the right sign."""
    loss, most = LOSSES["poisson"], np.finfo(dtype).max
    z = np.array([[-most, -1e30, -1e4], [1e4, 1e30, most]], dtype)
    Y = np.array([[0, 0, 0], [0, 1, 7]], dtype)
    delta, row = np.empty_like(z), np.empty((2, 1), dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        value = loss.value_and_delta(z.copy(), Y, 1.0, delta, row)
        rows = loss.row_losses(z.reshape(-1, 1), Y.reshape(-1, 1))
    assert 1e10 < value < most
    assert_array_equal(delta[0], 0)
    assert (delta[1] > 1e10).all()
    assert np.isfinite(np.square(delta)).all()
    assert_array_equal(rows[:3], 0)
    assert ((rows[3:] > 1e10) & (rows[3:] <= most)).all()


@dtypes
@pytest.mark.parametrize("z", [100.0, 1e4, 1e30])
def test_poisson_of_a_rate_that_is_next_to_nothing(dtype, z):
    """A count of 3 then costs 3 z and pulls with all its weight."""
    loss, Y = LOSSES["poisson"], np.array([[3.0]], dtype)
    delta, row = np.empty((1, 1), dtype), np.empty((1, 1), dtype)
    value = loss.value_and_delta(np.array([[-z]], dtype), Y, 1.0, delta, row)
    expected = 3 * (z + np.log(3) - 1)
    assert_allclose(value, expected, rtol=1e-5)
    assert_allclose(loss.row_losses(np.array([[-z]], dtype), Y), expected, rtol=1e-5)
    assert_array_equal(delta, -3)


@each(BENT)
def test_a_bent_loss_has_no_jump(loss):
    """Its slope is the same on both sides of a bend, and from there on constant."""
    ends = {"huber": (-1.0, 1.0), "quantile": (0.0, 1.0)}[loss.name]
    width, height = SMOOTHED, 1.0
    if loss.name == "huber":
        width = height = loss.huber_threshold
    shift = loss.quantile if loss.name == "quantile" else 0.0
    for side, end in zip((-1, 1), ends):
        r = side * np.array([0.999999 * width, 1.000001 * width, 2 * width, 1e6])
        delta, row = np.empty((4, 1)), np.empty((4, 1))
        Y = np.zeros((4, 1))
        loss.value_and_delta(r[:, np.newaxis].copy(), Y, 1.0, delta, row)
        assert_allclose(delta[:, 0], end * height - shift, rtol=1e-5, atol=1e-5)


@each({name: loss for name, loss in BENT.items() if loss.name == "quantile"})
def test_the_quantiles_loss_is_a_mean_of_pinballs(loss):
    """Over shifts of the error by at most h; further off it is the pinball itself."""
    u = np.array([-3.0, -0.06, -0.049, -0.02, 0.0, 0.01, 0.05, 0.3])
    q, shifts = loss.quantile, np.linspace(-SMOOTHED, SMOOTHED, 20_001)
    shifted = u[:, np.newaxis] + shifts
    pinballs = np.maximum(q * shifted, (q - 1) * shifted)
    means = trapezoid(pinballs, shifts) / (2 * SMOOTHED)
    found = loss.row_losses(-u[:, np.newaxis], np.zeros((len(u), 1)))
    assert_allclose(found, means, rtol=1e-6)
    far = np.abs(u) >= SMOOTHED
    pinball = np.maximum(q * u, (q - 1) * u)
    assert_allclose(found[far], pinball[far], rtol=1e-12)
    assert (found[~far] > pinball[~far]).all()


@numbers
def test_the_loss_is_0_where_nothing_is_amiss_and_else_positive(loss):
    Y = targets(loss)
    right = np.log(np.maximum(Y, 1e-300)) if loss.name == "poisson" else Y.copy()
    least = {"quantile": K * SMOOTHED / 4}.get(loss.name, 0.0)
    assert_allclose(loss.row_losses(right, Y), least, atol=1e-14)
    assert (loss.row_losses(right + 0.5, Y) > least).all()
    assert (loss.row_losses(right - 0.5, Y) >= least).all()


@pytest.mark.parametrize("level", [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0])
def test_quantile_of_a_distribution(level):
    """That of as many copies of each value, by NumPy's definition of the inverse."""
    rng = np.random.RandomState(0)
    column, weights = rng.randint(8, size=40) / 4, rng.randint(1, 5, 40)
    found = quantile_of(*distribution(column, weights.astype(float)), level)
    copies = column.repeat(weights)
    assert found == np.quantile(copies, level, method="inverted_cdf")
    assert found == quantile_of(*distribution(copies), level)


def test_distribution_without_weights_counts_the_rows():
    column = np.array([2.0, -1.0, 2.0, 0.5])
    for weights in None, np.ones(4):
        values, masses = distribution(column, weights)
        assert_array_equal(values, [-1, 0.5, 2])
        assert_array_equal(masses, [1, 1, 2])


@numbers
@pytest.mark.parametrize("n_columns", [1, 3])
def test_numbers_are_their_own_codes(loss, n_columns):
    """One column comes back as it went in, without its second axis."""
    y = np.abs(np.random.RandomState(0).randn(5, n_columns))
    y = y[:, 0] if n_columns == 1 else y
    outputs = loss.outputs_of(y)
    assert_array_equal(outputs, np.arange(n_columns))
    codes = loss.encode(y, outputs)
    assert codes.shape == (5, n_columns)
    assert_array_equal(loss.decode(codes, outputs), y)
    assert loss.strata(codes) is None
    assert loss.target_table(n_columns, 0.1) is None


@numbers
def test_what_is_decided_is_the_number_predicted(loss):
    z = logits()
    before = z.copy()
    assert_allclose(loss.decide(z), link(loss, z), rtol=1e-14)
    assert_array_equal(z, before)


# Units of numbers -------------------------------------------------------------------


@numbers
def test_the_last_layer_in_other_units(loss):
    """What is predicted is multiplied by the scale, and the center added."""
    rng = np.random.RandomState(0)
    a, W, b = rng.randn(7, 5), rng.randn(5, K), rng.randn(K)
    center, scale = rng.randn(K), np.array([0.01, 1.0, 3.0, 1e6])
    if loss.least_y == 0:
        center = np.zeros(K)
    before = W.copy(), b.copy()
    new_W, new_b = loss.to_unit(W, b, center, scale)
    expected = center + scale * link(loss, a @ W + b)
    assert_allclose(link(loss, a @ new_W + new_b), expected, rtol=1e-12)
    assert_array_equal(W, before[0])
    assert_array_equal(b, before[1])
    new_W += 1
    new_b += 1
    assert_array_equal(W, before[0])
    assert_array_equal(b, before[1])


def spread_y(loss, n=60):
    """Return numbers of two columns, one of them skew."""
    rng = np.random.RandomState(2)
    y = np.column_stack([rng.gamma(1.0, 2.0, n), 3 + rng.rand(n)])
    return y if loss.least_y == 0 else y * [1, -2]


@numbers
@weighted
def test_constant_loss_is_that_of_the_best_constant(loss, weighted):
    """The mean of y, its median, or its quantile."""
    y = spread_y(loss)
    w = np.random.RandomState(0).randint(1, 5, len(y)) if weighted else None
    found = loss.constant_loss(y, w, 2)
    copies = y if w is None else y.repeat(w, axis=0)
    best = copies.mean(axis=0)
    if loss.name in ("huber", "quantile"):
        level = loss.quantile if loss.name == "quantile" else 0.5
        best = np.quantile(copies, level, axis=0, method="inverted_cdf")

    def of_constant(value):
        z = np.log(value) if loss.name == "poisson" else value
        return formula(loss, np.tile(z, (len(copies), 1)), copies).mean()

    assert_allclose(found, of_constant(best), rtol=1e-12)
    others = [best + step * e for e in np.eye(2) for step in (-0.2, -1e-3, 1e-3, 0.2)]
    if loss.name in ("squared_error", "poisson"):
        assert all(of_constant(other) > found for other in others)


# The link ---------------------------------------------------------------------------


@losses
def test_probabilities(loss):
    z = logits()
    given = z.copy()
    p = loss.probabilities(given)
    assert p is given
    assert_allclose(p, link(loss, z), rtol=1e-12)
    if not loss.predicts_numbers:
        log_p = loss.log_probabilities(z.copy())
        assert_allclose(log_p, np.log(link(loss, z)), rtol=1e-12)


def wild_logits(dtype):
    """Return logits whose differences the dtype can hold."""
    z = np.array(np.meshgrid(WILD, WILD, WILD)).reshape(3, -1).T.astype(dtype)
    return z[np.ptp(z.astype(np.float64), axis=1) < np.finfo(dtype).max]


@each(LABELS)
@dtypes
def test_probabilities_of_any_finite_logits(loss, dtype):
    """In [0, 1], of sum 1 where classes exclude each other; their logs finite."""
    z = wild_logits(dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        p = loss.probabilities(z.copy())
        log_p = loss.log_probabilities(z.copy())
    assert p.dtype == log_p.dtype == dtype
    assert np.all((p >= 0) & (p <= 1))
    assert np.isfinite(log_p).all()
    assert np.all(log_p <= 0)
    assert_allclose(np.exp(log_p), p, rtol=1e-5, atol=1e-30)
    if loss.out_activation == "softmax":
        assert_allclose(p.sum(axis=1), 1, rtol=1e-6)


@numbers
@dtypes
def test_numbers_of_any_finite_logits(loss, dtype):
    """Finite; as large as there are where the exponential is larger."""
    z = wild_logits(dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        found = loss.probabilities(z.copy())
    assert found.dtype == dtype
    assert np.isfinite(found).all()
    if loss.out_activation == "identity":
        assert_array_equal(found, z)
        return
    assert (found >= 0).all()
    assert (found[z >= 800] > 0.99 * np.finfo(dtype).max).all()
    assert_allclose(found[z < 80], np.exp(z[z < 80].astype(float)), rtol=1e-5)


def test_softmax_of_one_output_more_is_logistic():
    """Two logits z and 0 are one logistic output."""
    z = np.linspace(-30, 30, 61)
    two = LOSSES["softmax_cross_entropy"].probabilities(np.c_[z, np.zeros(61)])
    one = LOSSES["logistic_cross_entropy"].probabilities(z[:, np.newaxis].copy())
    assert_allclose(two[:, 0], one[:, 0], rtol=1e-12)


@losses
@dtypes
@pytest.mark.parametrize("weights", [[0.2, 0.5, 0.3], [0.25, 0.75, 0.0]], ids=str)
def test_logits_of_mean(loss, dtype, weights):
    """Of the mean of several networks' probabilities, or of their numbers."""
    z = np.stack([logits(), logits()[::-1], -logits()]).astype(dtype)
    mean = sum(w * link(loss, each) for w, each in zip(weights, z.astype(float)))
    found = loss.logits_of_mean(z.copy(), np.array(weights))
    assert found.shape == (N, K)
    assert found.dtype == dtype
    rtol = 1e-4 if dtype == np.float32 else 1e-12
    assert_allclose(link(loss, found.astype(float)), mean, rtol=rtol, atol=rtol / 10)


# Curvature --------------------------------------------------------------------------


@each(CURVED)
def test_curvature_roots(objective_at, loss):
    """Their products are the Hessian in the logits, here by differences of delta."""
    z = logits(1.0)
    roots = loss.curvature_roots(link(loss, z).copy())
    H = sum(np.einsum("bj,bk->bjk", root, root) for root in roots)

    def delta(z):
        objective = objective_at(loss, z)
        objective.value_and_gradient()
        return N * objective.gradient.weights[0]

    found = differences(delta, z, h=1e-5)
    assert_allclose(H, found.swapaxes(0, 1), rtol=1e-8, atol=1e-10)


@each({name: loss for name, loss in CURVED.items() if loss.predicts_numbers})
@dtypes
def test_curvature_of_numbers_is_the_second_difference_of_the_loss(loss, dtype):
    """One output at a time, in the dtype of what is predicted."""
    z, Y, h = logits(1.0), targets(loss), 1e-3
    roots = list(loss.curvature_roots(link(loss, z).astype(dtype)))
    assert len(roots) == K
    for k, root in enumerate(roots):
        step = h * np.eye(K)[k]
        at, above, below = (formula(loss, z + s, Y) for s in (0, step, -step))
        assert root.dtype == dtype
        second = (above - 2 * at + below) / h**2
        assert_allclose(np.square(root[:, k]), second, rtol=1e-5)
        assert_array_equal(np.delete(root, k, axis=1), 0)


@each(BENT)
def test_a_loss_that_is_straight_in_places_has_no_curvature(loss):
    with pytest.raises(NotImplementedError):
        loss.curvature_roots(logits())


@pytest.mark.parametrize("k", range(K))
@pytest.mark.parametrize(
    ("loss", "of"),
    [(loss, of) for loss in LABELS.values() for of in ("logit", "probability")]
    + [(loss, "prediction") for loss in NUMBERS.values()],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_output_seed(loss, of, k):
    """The derivative of an output in the logits, by differences."""
    z = logits(1.0)

    def output(z):
        if of != "logit":
            return link(loss, z)[:, k]
        if loss.out_activation == "softmax":
            return z[:, k] - np.delete(z, k, axis=1).mean(axis=1)
        return z[:, k]

    seed = z.copy()
    loss.output_seed(k, of)(seed)
    assert_allclose(seed.T, differences(output, z), rtol=1e-8, atol=1e-9)


# In a fit ---------------------------------------------------------------------------


def penalty(model, alpha, n):
    return alpha / (2 * n) * sum(np.sum(W**2) for W in model.coefs_)


@pytest.mark.parametrize("weighted", [False, True])
def test_loss_of_a_fit_is_the_log_loss_of_its_metric(iris, weighted):
    """Mean log-loss and penalty, as scikit-learn's metric has the former."""
    X, y = iris
    weights = np.random.RandomState(0).rand(len(X)) if weighted else None
    model = ScratchMLPClassifier(5, alpha=0.5, standardize=False, random_state=0)
    model.fit(X, y, sample_weight=weights)
    n = len(X) if weights is None else weights.sum()
    metric = log_loss(y, model.predict_proba(X), sample_weight=weights)
    assert_allclose(model.loss_, metric + penalty(model, 0.5, n), rtol=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
def test_multilabel_loss_is_the_sum_of_the_labels_log_losses(weighted):
    X, Y = make_multilabel_classification(80, 6, n_classes=3, random_state=0)
    weights = np.random.RandomState(0).rand(len(X)) if weighted else None
    model = ScratchMLPClassifier(5, alpha=0.5, standardize=False, random_state=0)
    model.fit(X, Y, sample_weight=weights)
    n = len(X) if weights is None else weights.sum()
    P = model.predict_proba(X)
    metric = sum(
        log_loss(Y[:, k], P[:, k], sample_weight=weights) for k in range(Y.shape[1])
    )
    assert_allclose(model.loss_, metric + penalty(model, 0.5, n), rtol=1e-9)


@each(LABELS)
def test_frequency_loss_is_that_of_a_constant_prediction(loss):
    """What a fit is compared with before it warns."""
    sample = make_sample(np.eye(N), some_y(loss), loss, np.arange(K))
    expected = entropy(loss, targets(loss).mean(axis=0))
    assert_allclose(sample.constant_loss(), expected, rtol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_loss_of_a_regression_is_half_of_its_metric(loss, weighted):
    """In units of y's spread, or of its mean, and so are the weights of the penalty."""
    rng = np.random.RandomState(0)
    X = rng.randn(60, 3)
    y = 100.0 * rng.poisson(np.exp(X[:, 0]))
    w = rng.rand(60) if weighted else np.ones(60)
    model = ScratchMLPRegressor(5, loss=loss, alpha=0.5, standardize=False)
    model.set_params(random_state=0).fit(X, y, w if weighted else None)
    mean = np.average(y, weights=w)
    predicted = model.predict(X)
    if loss == "poisson":
        metric = mean_poisson_deviance(y / mean, predicted / mean, sample_weight=w)
        coefs = model.coefs_
    else:
        variance = np.average((y - mean) ** 2, weights=w)
        metric = mean_squared_error(y, predicted, sample_weight=w) / variance
        coefs = [*model.coefs_[:-1], model.coefs_[-1] / np.sqrt(variance)]
    squares = 0.5 / (2 * w.sum()) * sum(np.sum(W**2) for W in coefs)
    assert_allclose(model.loss_, metric / 2 + squares, rtol=1e-9)
