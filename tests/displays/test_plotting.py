"""The displays: what the artists hold, scikit-learn's conventions, and errors."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.calibration import calibration_curve
from sklearn.datasets import (
    load_digits,
    load_iris,
    make_moons,
    make_multilabel_classification,
)
from sklearn.exceptions import NotFittedError
from sklearn.inspection import PartialDependenceDisplay
from sklearn.metrics import PredictionErrorDisplay
from sklearn.model_selection import GridSearchCV, LearningCurveDisplay, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tasks import COUNTS, LABELS, NUMBERS, TASKS, tasks

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.plotting import (
    FeatureImportanceDisplay,
    NetworkDisplay,
    ReliabilityDisplay,
    TrainingCurveDisplay,
)

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def moons(task):
    X, y = make_moons(120, noise=0.2, random_state=0)
    return X, task.y(y)


@pytest.fixture(scope="module")
def validated(moons, task):
    return task.network(
        (5,), solver="adam", max_iter=8, early_stopping=True, random_state=0
    ).fit(*moons)


def texts(artists):
    return [artist.get_text() for artist in artists]


def legend_of(ax):
    return texts(ax.get_legend().get_texts())


# All displays


def test_importing_the_displays_leaves_matplotlib_alone():
    code = "import sys, sklearn_scratchnn.plotting; print('matplotlib' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def draw_training(estimator, X, y, **options):
    return TrainingCurveDisplay.from_estimator(estimator, **options)


def draw_network(estimator, X, y, **options):
    return NetworkDisplay.from_estimator(estimator, **options)


def draw_importances(estimator, X, y, **options):
    return FeatureImportanceDisplay.from_estimator(estimator, **options)


OF_ANY = [draw_training, draw_network, draw_importances]
DRAWN = [(task, draw) for task in TASKS for draw in OF_ANY]
DRAWN.append((LABELS, ReliabilityDisplay.from_estimator))
every_display = pytest.mark.parametrize(
    "task, draw",
    DRAWN,
    ids=[f"{task.name}-{draw.__name__}" for task, draw in DRAWN],
    indirect=["task"],
)


@every_display
def test_draws_on_given_axes_or_its_own(draw, validated, moons):
    display = draw(validated, *moons)
    assert display.figure_ is display.ax_.figure
    ax = plt.subplots()[1]
    assert draw(validated, *moons, ax=ax).ax_ is ax
    again = plt.subplots()[1]
    assert display.plot(again) is display
    assert display.ax_ is again
    assert display.figure_ is again.figure
    assert len(again.lines) + len(again.collections) + len(again.patches) > 0


@every_display
def test_unfitted_estimators_are_refused(draw, moons, task):
    for estimator in (
        task.network(),
        make_pipeline(StandardScaler(), task.network()),
        GridSearchCV(task.network(), {"alpha": [1.0]}),
    ):
        with pytest.raises(NotFittedError):
            draw(estimator, *moons)


@every_display
def test_missing_matplotlib_is_named(draw, validated, moons, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        draw(validated, *moons)


# ReliabilityDisplay


@pytest.fixture(scope="module")
def predictions():
    """Labels of two classes and probabilities that are too sure."""
    rng = np.random.RandomState(0)
    p = rng.uniform(size=500)
    return (rng.uniform(size=500) < p).astype(int), p**2


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_two_classes_as_scikit_learn_bins_them(predictions, strategy):
    y, p = predictions
    display = ReliabilityDisplay.from_predictions(y, p, n_bins=7, strategy=strategy)
    (line,) = display.lines_
    prob_true, prob_pred = calibration_curve(y, p, n_bins=7, strategy=strategy)
    assert_allclose(line.get_xdata(), prob_pred)
    assert_allclose(line.get_ydata(), prob_true)
    both = ReliabilityDisplay.from_predictions(
        y, np.column_stack([1 - p, p]), n_bins=7, strategy=strategy
    )
    assert_allclose(both.lines_[0].get_ydata(), prob_true)


def test_calibration_error_by_hand():
    y = ["a", "b", "b", "b"]
    display = ReliabilityDisplay.from_predictions(y, [0.1, 0.3, 0.9, 0.9], n_bins=2)
    # Bins: [0.1, 0.3] with one of two true, [0.9, 0.9] with both.
    assert display.expected_calibration_error == pytest.approx(0.5 * 0.3 + 0.5 * 0.1)
    assert "ECE = 0.200" in legend_of(display.ax_)[1]
    sizes = display.points_[0].get_sizes()
    assert sizes[0] == sizes[1] > 0


def test_the_area_of_a_point_grows_with_its_rows():
    display = ReliabilityDisplay.from_predictions([0, 1, 1, 1], [0.1, 0.9, 0.9, 0.9])
    few, many = display.points_[0].get_sizes()
    assert few < many


def test_a_weight_is_a_repetition(predictions):
    y, p = predictions
    times = np.random.RandomState(1).randint(0, 4, len(y))
    weighted = ReliabilityDisplay.from_predictions(y, p, sample_weight=times)
    repeated = ReliabilityDisplay.from_predictions(np.repeat(y, times), p.repeat(times))
    assert weighted.expected_calibration_error == pytest.approx(
        repeated.expected_calibration_error
    )
    for one, other in zip(weighted.lines_, repeated.lines_):
        assert_allclose(one.get_xydata(), other.get_xydata())


@pytest.fixture(scope="module")
def bayes():
    data = load_iris()
    X, y = data.data[:, :2], data.target_names[data.target]
    return GaussianNB().fit(X, y), X, y


def test_a_curve_for_each_class(bayes):
    model, X, y = bayes
    display = ReliabilityDisplay.from_estimator(model, X, y, n_bins=5)
    assert len(display.lines_) == 3
    errors = []
    for k, (name, line) in enumerate(zip(model.classes_, display.lines_)):
        prob = model.predict_proba(X)[:, k]
        prob_true, _ = calibration_curve(y == name, prob, n_bins=5)
        assert_allclose(line.get_ydata(), prob_true)
        assert line.get_label().startswith(name)
        errors.append(display.curves[name].calibration_error)
    assert display.expected_calibration_error == pytest.approx(np.mean(errors))
    assert "mean ECE" in display.ax_.get_legend().get_title().get_text()


def test_the_top_label_and_one_class(bayes):
    model, X, y = bayes
    top = ReliabilityDisplay.from_estimator(model, X, y, kind="top_label", n_bins=5)
    prob = model.predict_proba(X)
    right = model.predict(X) == y
    prob_true, prob_pred = calibration_curve(right, prob.max(axis=1), n_bins=5)
    assert_allclose(top.lines_[0].get_xydata(), np.column_stack([prob_pred, prob_true]))
    assert top.ax_.get_ylabel() == "Accuracy"
    assert top.lines_[0].get_label().startswith("GaussianNB (ECE")
    one = ReliabilityDisplay.from_estimator(model, X, y, pos_label="versicolor")
    assert list(one.curves) == ["versicolor"]


def test_several_models_share_a_reference_line(bayes):
    model, X, y = bayes
    ax = plt.subplots()[1]
    for name in ("first", "second"):
        ReliabilityDisplay.from_estimator(
            model, X, y, kind="top_label", name=name, ax=ax, linestyle="--"
        )
    labels = legend_of(ax)
    assert labels.count("Perfectly calibrated") == 1
    assert [label.split()[0] for label in labels] == ["Perfectly", "first", "second"]
    assert ax.lines[-1].get_linestyle() == "--"
    bare = ReliabilityDisplay.from_estimator(model, X, y, ref_line=False)
    assert len(bare.ax_.lines) == 3


def test_several_labels_a_row():
    X, Y = make_multilabel_classification(100, n_classes=3, random_state=0)
    model = ScratchMLPClassifier((5,), max_iter=10, random_state=0).fit(X, Y)
    display = ReliabilityDisplay.from_estimator(model, X, Y, n_bins=4)
    prob_true, _ = calibration_curve(Y[:, 2], model.predict_proba(X)[:, 2], n_bins=4)
    assert_allclose(display.lines_[2].get_ydata(), prob_true)
    with pytest.raises(ValueError, match="one label a row"):
        ReliabilityDisplay.from_estimator(model, X, Y, kind="top_label")


def test_two_exclusive_labels_a_row_are_both_drawn():
    Y = np.array([[0, 1], [1, 0], [0, 1]])
    display = ReliabilityDisplay.from_predictions(Y, np.full((3, 2), 0.5))
    assert list(display.curves) == ["0", "1"]


def test_many_classes_differ_in_colour():
    y = np.arange(14)
    display = ReliabilityDisplay.from_predictions(y, np.full((14, 14), 1 / 14))
    colours = {matplotlib.colors.to_hex(line.get_color()) for line in display.lines_}
    assert len(colours) == 14


@pytest.mark.parametrize(
    ("y_true", "y_prob", "options", "message"),
    [
        ([0, 1], [0.5, 1.5], {}, r"outside of \[0, 1\]"),
        ([0, 1], [0.5, 0.5, 0.5], {}, "inconsistent numbers"),
        ([0, 1, 2], [0.5, 0.5, 0.5], {}, "2 columns for 3 classes"),
        ([0, 1], [[0.2, 0.8]] * 2, {"classes": [0, 2]}, "not in classes"),
        ([0, 1], [0.5, 0.5], {"kind": "confidence"}, "kind must be"),
        ([0, 1], [0.5, 0.5], {"strategy": "equal"}, "strategy must be"),
        ([0, 1], [0.5, 0.5], {"n_bins": 0}, "n_bins must be"),
        ([0, 1], [0.5, 0.5], {"n_bins": 2.5}, "n_bins must be"),
        ([0, 1], [0.5, 0.5], {"n_bins": None}, "n_bins must be"),
        ([0, 1], [0.5, 0.5], {"pos_label": 3}, "pos_label=3"),
        ([0, 1], [0.5, 0.5], {"sample_weight": [1.0]}, "sample_weight"),
        ([0, 1], [0.5, 0.5], {"sample_weight": [0, 0]}, "sample_weight"),
        ([0, 1], [0.5, 0.5], {"sample_weight": [-1, 1]}, "sample_weight"),
        ([0, 1], [0.5, 0.5], {"sample_weight": [np.nan, 1]}, "sample_weight"),
        ([0, 1], [0.5, 0.5], {"sample_weight": [1e308, 1e308]}, "sample_weight"),
    ],
)
def test_predictions_that_do_not_fit(y_true, y_prob, options, message):
    with pytest.raises(ValueError, match=message):
        ReliabilityDisplay.from_predictions(y_true, y_prob, **options)


@pytest.mark.parametrize("wrap", ["network", "ensemble", "pipeline", "search"])
def test_a_regressor_has_no_probabilities_to_draw(wrap):
    X, y = make_moons(20, random_state=0)
    network = NUMBERS.network((2,), max_iter=2, random_state=0)
    model = {
        "network": network,
        "ensemble": NUMBERS.ensemble(network),
        "pipeline": make_pipeline(StandardScaler(), network),
        "search": GridSearchCV(network, {"alpha": [1.0]}, cv=2),
    }[wrap].fit(X, y)
    with pytest.raises(ValueError, match=f"{type(model).__name__} has no predict_pro"):
        ReliabilityDisplay.from_estimator(model, X, y)


# NetworkDisplay


@pytest.fixture(scope="module")
def iris(task):
    """Three outputs: a class each, or a number that is 1 for it."""
    data = load_iris(as_frame=True)
    y = data.target_names[data.target] if task is LABELS else np.eye(3)[data.target]
    model = task.network((5, 3), activation=["relu", "tanh"], random_state=0)
    return model.fit(data.data, y), data.data


@pytest.fixture(scope="module")
def digits(task):
    X, y = load_digits(n_class=4, return_X_y=True)
    X, y = X[:200], y[:200]
    return task.network((20,), max_iter=10, random_state=0).fit(X, y), X, y


def test_a_diagram_of_circles_and_lines(iris, task):
    model, _ = iris
    display = NetworkDisplay.from_estimator(model)
    assert display.kind == "diagram"
    assert [len(units.get_offsets()) for units in display.units_] == [4, 5, 3, 3]
    for l, (W, lines) in enumerate(zip(model.coefs_, display.lines_)):
        by_output = l == 2 and task is NUMBERS
        relative = (W / np.abs(W).max(axis=0 if by_output else None)).ravel()
        order = np.abs(relative).argsort()
        assert_allclose(lines.get_array(), relative[order])
        assert np.all(np.diff(lines.get_linewidth()) >= 0)
        assert lines.get_clim() == (-1, 1)
    label = "weight / largest of its layer"
    assert (display.colorbar_.ax.get_ylabel() == label) == (task is LABELS)


def test_the_units_of_a_number_do_not_hide_its_weights():
    X, y = load_iris(return_X_y=True)
    model = NUMBERS.network((3,), alpha=1.0, max_iter=20, random_state=0)
    model.fit(X, np.column_stack([y, 1e6 * X[:, 0], np.ones(len(X))]))
    display = NetworkDisplay.from_estimator(model)
    assert display.colorbar_.ax.get_ylabel().endswith("largest of its layer or number")
    last = display.lines_[-1]
    ends = np.array(last.get_segments())[:, 1, 1]
    largest = [abs(last.get_array()[ends == end]).max() for end in (1, 0, -1)]
    assert_allclose(largest, [1, 1, 0])


def test_each_line_joins_its_units(iris):
    model, _ = iris
    display = NetworkDisplay.from_estimator(model, colorbar=False)
    assert display.colorbar_ is None
    W, lines = model.coefs_[0], display.lines_[0]
    below, above = (units.get_offsets() for units in display.units_[:2])
    strongest = np.unravel_index(np.abs(W).argmax(), W.shape)
    last = lines.get_segments()[-1]
    assert_allclose(last, [below[strongest[0]], above[strongest[1]]])


def test_names_in_a_diagram(iris, task):
    model, X = iris
    link, outputs = "identity", ["y0", "y1", "y2"]
    if task is LABELS:
        link, outputs = "softmax", ["setosa", "versicolor", "virginica"]
    shown = texts(NetworkDisplay.from_estimator(model).ax_.texts)
    assert shown[:4] == ["input", "relu", "tanh", link]
    assert shown[4:] == [*X.columns, *outputs]
    named = NetworkDisplay.from_estimator(
        model, feature_names="abcd", class_names=["s", "v", "w"]
    )
    assert texts(named.ax_.texts)[4:] == ["a", "b", "c", "d", "s", "v", "w"]


def test_weights_in_units_of_the_features_deviation(iris):
    model, X = iris
    display = NetworkDisplay.from_estimator(model, X, kind="matrix")
    deviations = X.to_numpy().std(axis=0)[:, np.newaxis]
    assert_allclose(display.image_.get_array(), model.coefs_[0] * deviations)
    assert "standard deviation" in display.colorbar_.ax.get_ylabel()
    with pytest.raises(ValueError, match="X has 3 features, but the network 4"):
        NetworkDisplay.from_estimator(model, X.iloc[:, :3])


def test_a_matrix_names_features_and_keeps_zero_in_the_middle(iris):
    model, X = iris
    display = NetworkDisplay.from_estimator(model, kind="matrix")
    assert_array_equal(display.image_.get_array(), model.coefs_[0])
    low, high = display.image_.get_clim()
    assert high == -low == np.abs(model.coefs_[0]).max()
    assert texts(display.ax_.get_yticklabels()) == list(X.columns)


def test_images_of_the_most_influential_units(digits):
    model, *_ = digits
    display = NetworkDisplay.from_estimator(model, image_shape=(8, 8), n_images=6)
    mosaic = display.image_.get_array()
    assert mosaic.shape == (17, 26)  # two rows of three, one pixel between them
    influence = np.linalg.norm(model.coefs_[1], axis=1)
    order = np.argsort(-influence)
    for i, unit in enumerate(order[:6]):
        top, left = 9 * (i // 3), 9 * (i % 3)
        tile = mosaic[top : top + 8, left : left + 8]
        assert_array_equal(tile, model.coefs_[0][:, unit].reshape(8, 8))
    assert mosaic.mask[8].all()
    assert mosaic.mask[:, 8].all()


def test_images_of_outputs_without_hidden_layers(digits, task):
    _, X, y = digits
    model = task.network((), alpha=1.0, random_state=0).fit(X, y)
    display = NetworkDisplay.from_estimator(model, image_shape=(8, 8))
    names = ["0", "1", "2", "3"] if task is LABELS else ["y"]
    assert texts(display.ax_.texts) == names
    first = display.image_.get_array()[:8, :8]
    assert_array_equal(first, model.coefs_[0][:, 0].reshape(8, 8))


@tasks(LABELS, NUMBERS, COUNTS)
def test_a_matrix_names_outputs_without_hidden_layers(task):
    X, y = load_iris(return_X_y=True)
    model = task.network((), alpha=1.0, random_state=0).fit(X, y)
    ax = NetworkDisplay.from_estimator(model, kind="matrix").ax_
    label, names = "Output", ["y"]
    if task is LABELS:
        label, names = "Class", ["0", "1", "2"]
    assert ax.get_xlabel() == label
    assert texts(ax.get_xticklabels()) == names


def test_what_is_drawn_unless_told(iris, digits):
    def kind(model, **options):
        return NetworkDisplay.from_estimator(model, **options).kind

    assert kind(iris[0]) == "diagram"
    assert kind(digits[0]) == "matrix"
    assert kind(digits[0], image_shape=(8, 8)) == "images"
    assert kind(digits[0], kind="diagram") == "diagram"


def test_scikit_learns_network_has_one_output_for_two_classes():
    X, y = make_moons(120, noise=0.2, random_state=0)
    model = MLPClassifier((3,), max_iter=3, random_state=0).fit(X, y)
    shown = texts(NetworkDisplay.from_estimator(model).ax_.texts)
    assert shown == ["input", "relu", "logistic", "x0", "x1", "1"]
    model = MLPRegressor(hidden_layer_sizes=(3,), max_iter=3, random_state=0).fit(X, y)
    display = NetworkDisplay.from_estimator(model)
    shown = texts(display.ax_.texts)
    assert shown == ["input", "relu", "identity", "x0", "x1", "y"]
    assert display.colorbar_.ax.get_ylabel() == "weight / largest of its layer"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "tree"}, "kind must be"),
        ({"kind": "images"}, "image_shape=None does not hold 4 features"),
        ({"image_shape": (3, 3)}, r"image_shape=\(3, 3\) does not hold 4"),
        ({"image_shape": (-2, -2)}, "image_shape=.* does not hold 4"),
        ({"image_shape": (2.0, 2.0)}, "image_shape=.* does not hold 4"),
        ({"image_shape": 4}, "image_shape=4 does not hold 4"),
        ({"image_shape": (1, 2, 2)}, "image_shape=.* does not hold 4"),
        ({"image_shape": (2, 2), "n_images": 0}, "n_images must be"),
        ({"image_shape": (2, 2), "n_images": 1.5}, "n_images must be"),
        ({"feature_names": ["a"]}, "feature_names has 1 names for 4 units"),
        ({"class_names": ["a"]}, "class_names has 1 names for 3 units"),
    ],
)
def test_what_does_not_fit_the_network(iris, options, message):
    with pytest.raises(ValueError, match=message):
        NetworkDisplay.from_estimator(iris[0], **options)


# FeatureImportanceDisplay, and the displays of scikit-learn


def test_importances_are_bars_the_largest_on_top(iris):
    model, X = iris
    display = FeatureImportanceDisplay.from_estimator(model)
    widths = [bar.get_width() for bar in display.bars_]
    assert_array_equal(widths, np.sort(model.feature_importances_))
    names = X.columns[np.argsort(model.feature_importances_)]
    assert texts(display.ax_.get_yticklabels()) == list(names)


@pytest.fixture(scope="module", params=["network", "ensemble"])
def regressor(request):
    X, y = load_iris(return_X_y=True)
    X, y = X[:, :3], X[:, 3] ** 2
    given = {"alpha": 0.1, "random_state": 0, "max_iter": 40}
    model = NUMBERS.network((5,), activation="tanh", **given)
    if request.param == "ensemble":
        model = NUMBERS.ensemble(model, random_state=0)
    return model.fit(X, y), X, y


def test_partial_dependence(regressor):
    """The mean prediction where all rows have one value of a column."""
    model, X, _ = regressor
    display = PartialDependenceDisplay.from_estimator(
        model, X, [2], grid_resolution=5, percentiles=(0, 1)
    )
    grid, curve = display.lines_[0, 0].get_data()
    assert_allclose(grid, np.linspace(X[:, 2].min(), X[:, 2].max(), 5))
    for value, height in zip(grid, curve, strict=True):
        moved = X.copy()
        moved[:, 2] = value
        assert height == pytest.approx(model.predict(moved).mean())
    assert np.ptp(curve) > 1


def test_prediction_errors(regressor):
    model, X, y = regressor
    display = PredictionErrorDisplay.from_estimator(
        model, X, y, kind="actual_vs_predicted", subsample=None
    )
    assert_allclose(
        display.scatter_.get_offsets(), np.column_stack([model.predict(X), y])
    )


def test_learning_curve(regressor):
    model, X, y = regressor
    score = {"scoring": "neg_root_mean_squared_error", "cv": 3}
    display = LearningCurveDisplay.from_estimator(
        model,
        X,
        y,
        train_sizes=[0.2, 1.0],
        score_type="test",
        negate_score=True,
        **score,
    )
    (line,) = display.lines_
    assert_array_equal(line.get_xdata(), [20, 100])
    assert line.get_ydata()[1] == pytest.approx(
        -cross_val_score(model, X, y, **score).mean()
    )
