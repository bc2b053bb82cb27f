"""Every example runs without a display, draws its pictures and finds what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sklearn_scratchnn

pytest.importorskip("matplotlib")
import matplotlib.image

EXAMPLES = Path(__file__).parents[2] / "examples"
PACKAGE = Path(sklearn_scratchnn.__file__).parents[1]
NUMBER = r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]\d+)?"


def run_example(name, folder, *args, **environment):
    """Run an example in ``folder``; return the lines it prints."""
    paths = [str(PACKAGE), os.environ.get("PYTHONPATH")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "MPLBACKEND": "Agg",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        **environment,
    }
    environment = {k: v for k, v in environment.items() if v is not None}
    script = EXAMPLES / f"plot_{name}.py"
    result = subprocess.run(
        [sys.executable, script, *args],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert "Warning" not in result.stderr, result.stderr
    return result.stdout.splitlines()


def numbers(line):
    """Return the numbers in a line."""
    return [float(text.replace(",", "")) for text in re.findall(NUMBER, line)]


def find(lines, start):
    """Return the numbers after ``start`` in the first line that begins with it."""
    (line, *_) = [line for line in lines if line.strip().startswith(start)]
    return numbers(line.strip()[len(start) :])


def section(lines, start):
    """Return the lines after the one that begins with ``start``."""
    (place, *_) = [i for i, line in enumerate(lines) if line.startswith(start)]
    return lines[place + 1 :]


def check_decision_boundaries(lines):
    _, line, line_fresh = find(lines, "logistic regression")
    _, _, curve, curve_fresh = find(lines, "network,")
    assert line == pytest.approx(0.85, abs=0.01)
    assert curve == pytest.approx(0.975, abs=0.011)
    assert curve_fresh > line_fresh + 0.08


def check_hidden_sizes(lines):
    small = np.array([numbers(row) for row in section(lines, "log-loss with")[:7]])
    large = np.array([numbers(row) for row in lines if "hidden units" in row][7:])
    n_units, seen, fresh = small.T
    assert list(n_units) == [1, 2, 3, 4, 5, 20, 50]
    assert np.all(np.diff(seen) < 0.003)
    assert n_units[fresh.argmin()] in (2, 3)
    assert fresh[-1] > 1.5 * fresh.min()
    assert large[-1, 2] < 1.1 * large[:, 2].min()
    assert large[-1, 2] < 0.6 * fresh[-1]


def check_three_classes_four_layers(lines):
    assert find(lines, "hidden layer of 20") == [123, 2, 20, 20, 3]
    assert find(lines, "hidden layers of 8 and 8") == [123, 2, 8, 8, 8, 8, 3]
    logistic, wide, deep = (
        numbers(line) for line in lines if "training loss" in line
    )
    assert deep[0] < 0.6 * wide[0] < wide[0] < 0.1 * logistic[0]
    assert deep[1] < wide[1] < 0.1 * logistic[1]


def check_comparison(lines):
    moons, digits = section(lines, "moons"), section(lines, "digits")
    searched = "ScratchMLPClassifier, searched"
    for rows in (moons, digits):
        for name in ("LogisticRegressionCV", "MLPClassifier", "ScratchMLPClassifier"):
            assert len(find(rows, name)) == 5
    assert find(moons, "LogisticRegressionCV")[0] < 0.88
    assert find(moons, searched)[0] > 0.93
    assert find(moons, searched)[2] < 0.6 * find(moons, "LogisticRegressionCV")[2]
    assert find(digits, searched)[2] < 0.6 * find(digits, "LogisticRegressionCV")[2]


def check_two_step_cycle(lines):
    table = {int(row[0]): row[1:] for row in map(numbers, section(lines, "after")[:19])}
    assert table[0] == [0.432387, 0.378749]
    assert table[1000][0] == 0.068947
    for i, printed in {3000: 0.071218, 9000: 0.071312, 18_000: 0.071316}.items():
        assert printed in table[i]
        assert min(table[i]) < 0.0708
    assert find(lines, "rate 1, fixed") == [0.067804, 0.067804]
    before_last, last = find(lines, "rate 2, decayed")
    assert before_last == last < 0.0679
    assert sorted(find(lines, "rate 2, fixed")) == [0.070758, 0.071316]


def check_exercises(lines):
    def loss_and_swing(start):
        loss, swing, _ = find(lines, start)[-3:]
        return loss, swing

    loss, swing = loss_and_swing("the article, at rate 1")
    assert loss == pytest.approx(0.0683, abs=2e-4)
    assert swing < 1e-4
    assert loss_and_swing("batch_size=20")[1] > 1e-3
    assert loss_and_swing('learning_rate="cosine"')[1] < 1e-6
    assert loss_and_swing("... and batch_size=20")[1] < 1e-4
    assert loss_and_swing('activation="logistic"')[0] < 0.1
    assert loss_and_swing('... or "relu"')[0] > 0.2
    assert loss_and_swing("... and an annealed rate") < loss_and_swing("three classes")
    assert loss_and_swing("hidden_layer_sizes=(3, 3)")[0] < loss


def check_boundary_over_passes(lines):
    n_passes, losses, accuracies = np.array(
        [numbers(line) for line in lines if "accuracy" in line]
    ).T
    assert (n_passes[0], n_passes[-1]) == (1, 5000)
    assert np.all(np.diff(losses) < 0)
    assert losses[-1] == pytest.approx(0.068, abs=2e-4)
    assert accuracies[0] < 0.9 < 0.97 < accuracies[-1]


def check_calibration(lines):
    for task in ("moons", "wrong labels"):
        rows = section(lines, task)
        default = find(rows, "ScratchMLPClassifier()")
        overfitted = find(rows, "ScratchMLPClassifier(alpha=0)")
        assert len(find(rows, "LogisticRegressionCV()")) == 2
        assert default[0] < 0.08
        assert default[0] < overfitted[0]
        assert default[1] < overfitted[1]


def check_feature_effects(lines):
    assert find(lines, "accuracy on test rows")[0] > 0.95
    effects = np.array([numbers(line)[-2:] for line in section(lines, "feature")[:10]])
    assert np.all(np.diff(np.abs(effects[:, 0])) <= 0.05)
    assert effects[:, 0].min() < 0 < effects[:, 0].max()
    assert effects[:, 1].max() > 0.02


def check_training_curves(lines):
    assert lines[0].endswith("seconds, validation_loss, validation_score")
    losses = [
        find(lines, f"validation loss after epoch {i:2d}:")
        for i in range(1, 41, 13)
    ]
    assert np.all(np.diff(losses, axis=0) < 0)
    losses = {
        rate: find(lines, rate)[0] for rate in ("0.0003,", "0.003,", "0.1,", "0.01,")
    }
    assert losses["0.01,"] < losses["0.1,"] < losses["0.0003,"]


def check_network(lines):
    assert len(find(lines, "hidden unit 2: tanh(")) >= 3
    (without,) = find(lines, "without the hidden layer:")
    assert find(lines, "accuracy on the")[1] > without > 0.95


def check_imbalanced(lines):
    (_, rare, balanced, loss, mean), weighted, moved = (
        find(lines, name)
        for name in ("plain", 'class_weight="balanced"', "moved threshold")
    )
    assert rare < 0.7 < 0.75 < min(weighted[1], moved[1])
    assert balanced < min(weighted[2], moved[2])
    assert moved[3:] == [loss, mean]
    assert mean == pytest.approx(0.05, abs=0.01)
    assert weighted[3] > 2 * loss
    assert weighted[4] > 3 * mean


def check_early_stopping(lines):
    n_stopped, loss_stopped, accuracy_stopped = find(lines, "early_stopping=True")
    n_longer, loss_longer, accuracy_longer = find(lines, "early_stopping=False")
    assert n_stopped < n_longer == 80
    assert loss_stopped < 0.95 * loss_longer
    assert accuracy_stopped > accuracy_longer


def check_search_curves(lines):
    rows = {size: find(lines, f"batch_size={size} ") for size in (10, 50, 500)}
    lowest, epoch, in_the_end = rows[10]
    assert lowest < 0.95 * in_the_end
    assert epoch < 15 < 25 < rows[500][1]
    assert lowest < min(rows[50][0], rows[500][0])
    stopped, n_passes = find(lines, "stopped after")
    assert epoch < stopped < n_passes == 30


def check_ensemble(lines):
    loss, error = find(lines, "one network: log-loss")[:2]
    assert find(lines, "ensemble: log-loss")[0] < loss
    assert find(lines, "error of the 100 rows of most doubt")[0] > 3 * error
    assert find(lines, "doubt far from the points")[0] > 10
    noisy = find(lines, "noisy labels, one network: log-loss")
    mean = find(lines, "noisy labels, ensemble: log-loss")
    assert mean[0] < noisy[0]
    assert mean[1] < noisy[1]


def check_prediction_intervals(lines):
    for q in (0.05, 0.5, 0.95):
        assert find(lines, f"quantile {q:4.2f}:")[0] == pytest.approx(q, abs=0.04)
    assert find(lines, "rows where the quantiles cross")[0] < 0.01
    (all_rows, *quarters), (overall, *fixed) = (
        find(lines, name) for name in ("quantiles ", "one width ")
    )
    assert min(all_rows, overall) > 0.86
    assert np.ptp(quarters) < 0.08 < 0.2 < np.ptp(fixed)


def check_counts(lines):
    linear, network, squared, true = (
        find(lines, name)
        for name in (
            "linear, poisson",
            "network, poisson",
            "network, squared error",
            "the true rate",
        )
    )
    assert true[0] < network[0] < min(linear[0], squared[0])
    assert network[1] < 0.6 * linear[1]
    assert network[2] > 0
    expected, made = find(lines, "claims expected")
    assert expected == pytest.approx(made, rel=0.1)


def check_cluster(lines):
    assert find(lines, "accuracy")[0] > 0.85
    assert find(lines, "largest difference of the losses of 30 epochs")[0] < 1e-9
    assert any(line.startswith("ScratchMLPClassifier") for line in lines)


PICTURES = {
    "decision_boundaries": ["decision_boundaries"],
    "hidden_sizes": ["hidden_sizes", "hidden_sizes_losses"],
    "three_classes_four_layers": ["three_classes_four_layers"],
    "comparison": ["comparison"],
    "two_step_cycle": ["two_step_cycle"],
    "exercises": ["exercises"],
    "boundary_over_passes": ["boundary_over_passes", "boundary_film"],
    "calibration": ["calibration"],
    "feature_effects": ["feature_effects"],
    "training_curves": ["training_curves", "training_curves_rates"],
    "network": ["network_diagram", "network_hidden_units", "network_classes"],
    "imbalanced": ["imbalanced"],
    "ensemble": ["ensemble", "ensemble_calibration"],
    "prediction_intervals": ["prediction_intervals"],
    "counts": ["counts"],
    "cluster": ["cluster"],
    "early_stopping": ["early_stopping"],
    "search_curves": ["search_curves"],
}
NEEDS = {"search_curves": "sklearn.callback", "cluster": "distributed"}


def check_picture(path):
    """Assert that a file is a picture, and not of one colour."""
    pixels = matplotlib.image.imread(path)[..., :3]
    assert min(pixels.shape[:2]) > 200
    assert pixels.std() > 0.05


def test_all_examples_are_checked():
    assert {path.stem for path in EXAMPLES.glob("plot_*.py")} == {
        f"plot_{name}" for name in PICTURES
    }


@pytest.mark.parametrize("name", PICTURES)
def test_example(name, tmp_path):
    pytest.importorskip(NEEDS.get(name, "sklearn"))
    lines = run_example(name, tmp_path, SCRATCHNN_PICTURES=None)
    paths = [line.split(": ")[1] for line in lines if line.startswith("picture: ")]
    assert [Path(path).stem for path in paths] == PICTURES[name]
    assert {path.name for path in tmp_path.iterdir()} == {"pictures"}
    for path in paths:
        check_picture(tmp_path / path)
    globals()[f"check_{name}"](lines)


def test_example_on_tables_from_a_folder(tmp_path):
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    x = rng.standard_normal(300)
    target = np.where(x + rng.standard_normal(300) > 0, ">50K", "<=50K")
    work = np.where(rng.random(300) > 0.3, "Private", None)
    table = pandas.DataFrame({"age": x, "work": work, "target": target})
    table.loc[::10, "age"] = np.nan
    table.to_csv(tmp_path / "adult.csv.gz", index=False)
    lines = run_example(
        "calibration",
        tmp_path,
        "--data",
        str(tmp_path),
        SCRATCHNN_PICTURES=str(tmp_path / "elsewhere"),
    )
    assert find(lines, "adult,")[0] == 300
    assert find(lines, "ScratchMLPClassifier()")[1] < np.log(2)
    check_picture(tmp_path / "elsewhere" / "calibration.png")
