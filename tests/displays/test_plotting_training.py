"""`TrainingCurveDisplay`, of histories and of callbacks' logs."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_moons
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from tasks import LABELS, every_task, of_labels

from sklearn_scratchnn.plotting import TrainingCurveDisplay

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


def history(*losses):
    return {"epoch": np.arange(1, len(losses) + 1), "loss": np.array(losses, float)}


def band_of(collection, x):
    """Return the lower and upper edge of a band at x."""
    vertices = collection.get_paths()[0].vertices
    heights = vertices[vertices[:, 0] == x, 1]
    return heights.min(), heights.max()


# Histories


@every_task
def test_training_and_validation_loss(validated):
    display = TrainingCurveDisplay.from_estimator(validated)
    training, validation = display.lines_
    for line, column in ((training, "loss"), (validation, "validation_loss")):
        assert_array_equal(line.get_xdata(), validated.history_["epoch"])
        assert_array_equal(line.get_ydata(), validated.history_[column])
    assert training.get_color() != validation.get_color()
    assert legend_of(display.ax_) == ["training loss", "validation loss"]
    assert display.ax_.get_xlabel() == "Epoch"
    assert display.ax_.get_ylabel() == "Loss"
    assert display.ax_.get_yscale() == "linear"
    assert display.fill_between_ == []


def test_one_curve_needs_no_legend(moons, task):
    model = task.network((3,), random_state=0).fit(*moons)
    display = TrainingCurveDisplay.from_estimator(model, log_scale=True)
    assert len(display.lines_) == 1
    assert display.ax_.get_legend() is None
    assert display.ax_.get_yscale() == "log"


@pytest.mark.parametrize(
    "column", ["validation_score", "learning_rate", "gradient_norm"]
)
@pytest.mark.parametrize("x", ["epoch", "seconds"])
def test_every_column_over_epochs_and_seconds(validated, column, x):
    display = TrainingCurveDisplay.from_estimator(validated, column=column, x=x)
    (line,) = display.lines_
    assert_array_equal(line.get_xdata(), validated.history_[x])
    assert_array_equal(line.get_ydata(), validated.history_[column])
    assert display.ax_.get_ylabel() == column.replace("_", " ").capitalize()
    assert display.ax_.get_xlabel() == x.capitalize()


def test_several_estimators_share_axes_under_their_names(validated, moons, task):
    ax = plt.subplots()[1]
    other = task.network((3,), random_state=0).fit(*moons)
    TrainingCurveDisplay.from_estimator(validated, ax=ax, name="adam")
    TrainingCurveDisplay.from_estimator(
        other, ax=ax, name="default", line_kw={"linewidth": 5}
    )
    assert legend_of(ax) == ["adam", "adam, validation", "default"]
    assert len({line.get_color() for line in ax.lines}) == 3
    assert ax.lines[-1].get_linewidth() == 5


def test_networks_inside_searches_and_pipelines(moons, task):
    network = task.network((3,), max_iter=5, random_state=0)
    pipeline = Pipeline([("scaler", StandardScaler()), ("network", network)])
    search = GridSearchCV(pipeline, {"network__alpha": [0.1, 1.0]}, cv=2)
    (line,) = TrainingCurveDisplay.from_estimator(search.fit(*moons)).lines_
    assert_array_equal(line.get_ydata(), search.best_estimator_[-1].history_["loss"])


def test_each_member_of_an_ensemble_has_its_curve(moons, task):
    member = task.network((3,), alpha=1.0, max_iter=5, random_state=0)
    model = task.ensemble(member, random_state=0).fit(*moons)
    display = TrainingCurveDisplay.from_estimator(model)
    assert legend_of(display.ax_) == ["member 0", "member 1"]
    for line, network in zip(display.lines_, model.estimators_, strict=True):
        assert_array_equal(line.get_ydata(), network.history_["loss"])


def test_history_of_scikit_learns_network(moons, task):
    theirs = MLPClassifier if task is LABELS else MLPRegressor
    given = {"hidden_layer_sizes": (3,), "max_iter": 6, "early_stopping": True}
    model = theirs(**given, random_state=0)
    model.fit(*moons)
    (line,) = TrainingCurveDisplay.from_estimator(model).lines_
    assert_array_equal(line.get_xdata(), np.arange(1, 7))
    assert_array_equal(line.get_ydata(), model.loss_curve_)
    display = TrainingCurveDisplay.from_estimator(model, column="validation_score")
    assert_array_equal(display.lines_[0].get_ydata(), model.validation_scores_)


def test_folds_become_a_mean_with_a_band():
    runs = [history(4, 2, 1), history(8, 2, 3)]
    display = TrainingCurveDisplay.from_logs(runs)
    (line,), (band,) = display.lines_, display.fill_between_
    assert_array_equal(line.get_ydata(), [6, 2, 2])
    assert band_of(band, 1) == (4, 8)
    assert band_of(band, 3) == (1, 3)
    display.plot(band=None)
    assert display.fill_between_ is None


def test_band_of_deviations_and_of_the_range():
    runs = [history(1, 1), history(1, 2), history(4, 2)]
    display = TrainingCurveDisplay.from_logs(runs)
    low, high = band_of(display.fill_between_[0], 1)
    assert (low, high) == pytest.approx((2 - np.sqrt(2), 2 + np.sqrt(2)))
    display.plot(band="range", fill_between_kw={"alpha": 0.7})
    assert band_of(display.fill_between_[0], 1) == (1, 4)
    assert display.fill_between_[0].get_alpha() == 0.7


def test_a_run_that_ended_counts_on_with_its_last_value():
    display = TrainingCurveDisplay.from_logs([history(4, 2), history(4, 4, 4, 6)])
    (line,) = display.lines_
    assert_array_equal(line.get_xdata(), [1, 2, 3, 4])
    assert_array_equal(line.get_ydata(), [4, 3, 3, 4])


def test_groups_differ_in_colour_and_validation_in_style(validated):
    folds = [validated.history_, validated.history_]
    display = TrainingCurveDisplay.from_logs({"a": folds, "b": validated.history_})
    a, a_validation, b, b_validation = display.lines_
    assert legend_of(display.ax_) == ["a", "a, validation", "b", "b, validation"]
    assert a.get_color() == a_validation.get_color() != b.get_color()
    assert b.get_color() == b_validation.get_color()
    assert [line.get_linestyle() for line in display.lines_] == ["-", "--"] * 2
    assert len(display.fill_between_) == 2


def test_many_groups_still_differ_in_colour():
    logs = {f"run {i}": history(i + 2, 1) for i in range(14)}
    display = TrainingCurveDisplay.from_logs(logs)
    colours = {matplotlib.colors.to_hex(line.get_color()) for line in display.lines_}
    assert len(colours) == 14


def test_a_single_epoch_is_seen():
    (line,) = TrainingCurveDisplay.from_logs(history(1)).lines_
    assert line.get_marker() == "o"


def test_epochs_are_marked_by_whole_numbers():
    losses = history(*range(20))
    ticks = TrainingCurveDisplay.from_logs(losses).ax_.get_xticks()
    assert_array_equal(ticks, ticks.round())
    seconds = losses | {"seconds": losses["epoch"] / 8}
    ticks = TrainingCurveDisplay.from_logs(seconds, x="seconds").ax_.get_xticks()
    assert (ticks != ticks.round()).any()
    _, ax = plt.subplots()
    ax.set_xscale("log")
    assert TrainingCurveDisplay.from_logs(losses, ax=ax).ax_.get_xscale() == "log"


def test_negated_values_and_their_label():
    log = {"epoch": [1, 2], "neg_log_loss": [-2.0, -1.0]}
    display = TrainingCurveDisplay.from_logs(log, negate_score=True)
    assert_array_equal(display.lines_[0].get_ydata(), [2, 1])
    assert display.ax_.get_ylabel() == "Log loss"
    display.plot()
    assert display.ax_.get_ylabel() == "Neg log loss"


def test_histories_of_no_pass_are_drawn_beside_others(task):
    none = task.network((), alpha=1.0, tol=1e9).fit([[0.0], [1.0]], [0, 1])
    assert none.n_iter_ == 0
    for logs in (none.history_, [none.history_, history(2, 1)]):
        TrainingCurveDisplay.from_logs(logs)


@pytest.mark.parametrize(
    ("logs", "options", "error", "message"),
    [
        (history(1), {"column": "f1"}, ValueError, r"'f1'.*\['epoch', 'loss'\]"),
        (history(1), {"x": "seconds"}, ValueError, "'seconds'"),
        (history(1), {"band": "sem"}, ValueError, "band must be"),
        ([], {}, ValueError, "nothing to draw"),
        ({}, {}, ValueError, "nothing to draw"),
        ({"a": []}, {}, ValueError, "nothing to draw"),
        ({"epoch": [1, 2]}, {}, ValueError, "nothing to draw"),
        ("loss", {}, TypeError, "logs must be .* got str"),
        ([3], {}, TypeError, "got int"),
    ],
)
def test_logs_that_cannot_be_drawn(logs, options, error, message):
    with pytest.raises(error, match=message):
        TrainingCurveDisplay.from_logs(logs, **options)


@of_labels
def test_an_estimator_without_history(moons):
    with pytest.raises(ValueError, match="LogisticRegression keeps no history"):
        TrainingCurveDisplay.from_estimator(LogisticRegression().fit(*moons))


# Callbacks' logs


@pytest.fixture(scope="module")
def searched(moons, task):
    """A search over three candidates in two folds, and its two monitors' logs."""
    callback = pytest.importorskip("sklearn.callback", reason="needs scikit-learn 1.9")
    from sklearn_scratchnn.callbacks import ValidationMonitor

    X, y = moons
    both = [task.loss_scorer, task.score_scorer]
    training = callback.ScoringMonitor(scoring=both)
    validation = ValidationMonitor(X[80:], y[80:], scoring=task.loss_scorer)
    network = task.network((3,), solver="adam", max_iter=4, random_state=0)
    network.set_callbacks(training, validation)
    search = GridSearchCV(network, {"alpha": [0.1, 1.0, 10.0]}, cv=2)
    search.fit(X[:80], y[:80])
    return search, training.get_logs(), validation.get_logs()


def scores(log, run, name):
    rows = [row for row in log.data if row["parent_task_id_path"] == (0, 0, run)]
    return np.array([row[name] for row in rows])


def test_candidates_and_folds_of_a_search(searched, task):
    search, log, _ = searched
    display = TrainingCurveDisplay.from_logs(log, search=search)
    assert legend_of(display.ax_) == ["alpha=0.1", "alpha=1", "alpha=10"]
    name = task.loss_scorer.replace("_", " ").capitalize()
    assert display.ax_.get_ylabel() == name
    assert len(display.fill_between_) == 3
    for candidate, line in enumerate(display.lines_):
        runs = [2 * candidate, 2 * candidate + 1]
        folds = [scores(log, run, task.loss_scorer) for run in runs]
        assert len(folds[0]) == 4
        assert_array_equal(line.get_xdata(), [1, 2, 3, 4])
        assert_allclose(line.get_ydata(), np.mean(folds, axis=0))


def test_all_fits_of_a_search_and_its_refit(searched, task):
    (_, log, _), score = searched, task.score_scorer
    display = TrainingCurveDisplay.from_logs(log, column=score)
    lines = {line.get_label(): line.get_ydata() for line in display.lines_}
    every = [scores(log, run, score) for run in range(6)]
    assert_allclose(lines.pop("mean of 6 fits"), np.mean(every, axis=0))
    refit = [row for row in log.data if row["parent_task_id_path"] == (0, 1)]
    assert_array_equal(lines.pop("one fit"), [row[score] for row in refit])
    assert not lines


def test_logs_of_training_and_validation_rows(searched, task):
    search, *logs = searched
    display = TrainingCurveDisplay.from_logs(
        dict(zip(("training", "validation"), logs)), search=search
    )
    lines = {line.get_label(): line for line in display.lines_}
    assert len(lines) == 6
    training, validation = lines["alpha=1, training"], lines["alpha=1, validation"]
    assert training.get_color() == validation.get_color()
    assert (training.get_linestyle(), validation.get_linestyle()) == ("-", "--")
    folds = [scores(logs[1], run, task.loss_scorer) for run in (2, 3)]
    assert_allclose(validation.get_ydata(), np.mean(folds, axis=0))


def test_a_network_inside_a_pipeline_inside_a_search(moons, task):
    callback = pytest.importorskip("sklearn.callback", reason="needs scikit-learn 1.9")
    monitor = callback.ScoringMonitor(scoring=task.score_scorer)
    network = task.network((3,), max_iter=3, random_state=0).set_callbacks(monitor)
    pipeline = Pipeline([("scaler", StandardScaler()), ("network", network)])
    search = GridSearchCV(pipeline, {"network__alpha": [0.1, 1.0]}, cv=2)
    search.fit(*moons)
    display = TrainingCurveDisplay.from_logs(monitor.get_logs(), search=search)
    assert legend_of(display.ax_) == ["alpha=0.1", "alpha=1"]
    assert [len(line.get_xdata()) for line in display.lines_] == [3, 3]


@of_labels
def test_logs_of_several_fits_of_another_estimator(moons):
    callback = pytest.importorskip("sklearn.callback", reason="needs scikit-learn 1.9")
    monitor = callback.ScoringMonitor(scoring="accuracy")
    model = LogisticRegression(solver="lbfgs").set_callbacks(monitor)
    model.fit(*moons)
    (alone,) = TrainingCurveDisplay.from_logs(monitor.get_logs()).lines_
    assert len(alone.get_xdata()) == model.n_iter_[0]
    model.set_params(C=0.1).fit(*moons)
    display = TrainingCurveDisplay.from_logs(monitor.get_logs(select="all"))
    assert len(display.lines_) == len(display.fill_between_) == 1


def test_a_log_of_another_search(searched, moons):
    search, log, _ = searched
    smaller = GridSearchCV(search.estimator, {"alpha": [1.0]}, cv=2)
    smaller.cv_results_, smaller.n_splits_ = {"params": [{"alpha": 1.0}]}, 2
    with pytest.raises(ValueError, match="does not fit.* 1 candidates in 2 folds"):
        TrainingCurveDisplay.from_logs(log, search=smaller)
    single = type(log)(log.run_id, "Pipeline", log.timestamp, log.data)
    with pytest.raises(ValueError, match="The log, of Pipeline"):
        TrainingCurveDisplay.from_logs(single, search=search)


def test_a_log_of_whole_fits_only(searched):
    _, log, _ = searched
    whole = [row for row in log.data if row["task_name"] == "fit"]
    log = type(log)(log.run_id, log.estimator_name, log.timestamp, whole)
    with pytest.raises(ValueError, match="no iterations"):
        TrainingCurveDisplay.from_logs(log)
