"""What each step of Learn says to change, and to expect of the change, is true.

A page's code runs with the change made in it. That it runs as it stands, and prints
what it says, is checked in ``test_snippets.py``.
"""

import contextlib
import doctest
import io
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning
from test_snippets import find_snippets

from sklearn_scratchnn import ScratchMLPClassifier

LEARN = Path(__file__).parents[2] / "docs" / "learn"
if not LEARN.is_dir():
    pytest.skip("an sdist does not carry docs/", allow_module_level=True)

TAG = re.compile(r"^(.*?)\s*\\tag\{(\w+)\}$", re.DOTALL)
COMMENT = re.compile(r"# ((?:[FLBG]\d)(?:, [FLBG]\d)*)\b")


def source_of(page):
    """Return a page's text."""
    return (LEARN / f"{page}.rst").read_text(encoding="utf-8")


def run(page, *changes):
    """Run a page's code with ``(old, new)`` replaced; return its names and output."""
    parser = doctest.DocTestParser()
    blocks = find_snippets(source_of(page), ".rst")
    code = "".join(
        e.source for block in blocks for e in parser.get_examples(block.code)
    )
    for old, new in changes:
        assert old in code, f"{page} does not hold {old}"
        code = code.replace(old, new)
    names, printed = {"__name__": "__main__"}, io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, page, "exec"), names)
    return names | {"printed": printed.getvalue()}


def steps():
    """Return the steps' names, in order."""
    toctree = re.search(
        r"\.\. toctree::\n(?:   :.*\n)*\n((?:   .*\n)+)", source_of("index")
    )
    return toctree[1].split()


@pytest.mark.parametrize("page", steps())
def test_every_step_ends_with_something_to_change(page):
    """And this file tries it."""
    text = source_of(page)
    ending = text[text.rindex("\n.. admonition:: Change it\n   :class: try-it\n") :]
    assert "*Expect*" in ending
    assert ending.count("\n\n") <= 4, "there is more than the way to the next step"
    assert f"test_{page}" in globals()


def test_touch():
    def swing(rate):
        network = ScratchMLPClassifier(
            (3,), activation="tanh", solver="gd", learning_rate_init=rate, alpha=0.01,
            init="lecun_normal", standardize=False, max_iter=20_000, random_state=0,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            network.fit(*make_moons(200, noise=0.20, random_state=0))
        return np.ptp(network.loss_curve_[-2:])

    assert swing(1.0) < 1e-6
    assert min(map(swing, (1.25, 1.5, 2.0))) > 1e-5


def test_data():
    for noise, ceiling in ("0.05", "1.00"), ("0.5", "0.82"):
        printed = run("data", ("noise=0.20", f"noise={noise}"))["printed"]
        assert printed.endswith(f"\n{ceiling}\n")


def test_logistic_regression():
    page = run("logistic_regression")
    bent = np.c_[page["X"], page["X"] ** 2, page["X"] ** 3]
    score = page["LogisticRegression"]().fit(bent, page["y"]).score(bent, page["y"])
    assert 0.93 <= score <= 0.94


def test_hidden_layer():
    def score(units, seed):
        changes = ("(3,)", units), ("random_state=0\n", f"random_state={seed}\n")
        page = run("hidden_layer", *changes)
        return page["network"].score(page["X"], page["y"])

    assert abs(score("(1,)", 0) - 0.84) < 0.011
    assert abs(score("(2,)", 0) - 0.88) < 0.011
    assert abs(score("(2,)", 1) - 0.96) < 0.011


def test_forward():
    begins = "matmul: Input operand 1 has a mismatch in its core dimension 0"
    ends = r"\(size 2 is different from 3\)"
    with pytest.raises(ValueError, match=f"^{begins}.*{ends}$"):
        run("forward", ("@ W2 ", "@ W2.T "))
    deeper = run(
        "forward",
        ("W2, b2 = random.randn(3, 2)", "W2, b2 = random.randn(3, 4)"),
        ("np.zeros(2)", "np.zeros(4); W3, b3 = random.randn(4, 2), 0.0"),
        ("    return a1, z2", "    return a1, np.tanh(z2) @ W3 + b3"),
    )
    assert deeper["z2"].shape == (200, 2)


def test_cross_entropy():
    page = run("cross_entropy", ("[0.0, 1.0, 0.0]", "[0.0, 0.9, 0.1]"))
    by_hand = page["softmax"](page["z"]) - page["Y"]
    np.testing.assert_allclose(by_hand, page["moved"], atol=1e-8)


def test_backpropagation():
    wrong = ("1 - a1**2", "1 - a1")
    page = run("backpropagation", wrong)
    assert abs(page["by_difference"] - page["gradient"][0][1, 2]) > 1e-2
    losses = run("gradient_descent", wrong)["losses"]
    assert f"{losses[0]:.2f} {min(losses):.2f}" == "0.58 0.31"
    assert losses[-1] > losses[0]


def test_gradient_descent():
    page = run("gradient_descent")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert np.isnan(page["train"](1000, 10)[-1])
    assert "divide by zero encountered in log" in str(caught[0].message)
    network = page["network"].set_params(learning_rate_init=1000)
    with pytest.warns(ConvergenceWarning, match="The loss alternates"):
        network.fit(page["X"], page["y"])
    assert 100 < network.loss_ < np.inf


def test_code():
    activations = '["tanh"]', '["tanh", "relu"]'
    page = run("code", ("(2, 3, 2)", "(2, 3, 4, 2)"), activations)
    assert len(page["theta"]) == 35
    args = page["X"], page["Y"], 1 / 5, page["ws"], page["gradient"]
    assert page["network"].value_and_gradient(*args) < page["C"]


def test_gradient_check():
    def error(step):
        page = run("gradient_check", ("(objective)", f"(objective, step={step})"))
        return page["check"](page["Tanh"]()).relative_error

    right = error(None)
    assert min(error(1e-2), error(1e-12)) > 2000 * right


def test_numbers():
    page = run("numbers")
    price, scale = page["price"], page["s"]

    def explained(unit, rate=0.1):
        layers = page["train"](unit, rate)
        return page["explained"](unit, page["predict"](layers))

    assert explained(price - page["c"]) < 0.4
    assert explained(price / scale) > 0.85
    assert explained(price / scale + 1000) < 0.1


def test_sizes():
    few, many = (
        run("sizes", ("make_moons(200", f"make_moons({n}")) for n in (200, 2000)
    )
    fresh = {name: many[name][1] / few[name][1] for name in ("few", "many")}
    assert max(fresh.values()) < 0.8


def test_penalty():
    page = run("penalty")
    judged = "row_losses(networks[alpha], X[held], y[held])"
    fresh = judged.replace("X[held], y[held]", "X_new, y_new")
    assert run("penalty", (judged, fresh))["best"] == page["best"] == 1.0
    clean = run("penalty", ("noise=0.30", "noise=0.10"))
    assert clean["chosen"](clean["losses"]) == 0.1
    assert abs(clean["T"] - 1) < 0.3 < 1 < page["T"] - 1


def test_two_step_cycle():
    told = {}
    for rate in 1.0, 1.2, 1.5:
        changes = ("learning_rate_init=2.0", f"learning_rate_init={rate}")
        told[rate] = (
            "constant warned of the cycle: True"
            in run("two_step_cycle", changes)["printed"]
        )
    assert told == {1.0: False, 1.2: False, 1.5: True}


def test_exercises():
    seeded = (
        ("**functions):", "seed=0, **functions):"),
        ("start(sizes)", "start(sizes, seed)"),
    )
    page = run("exercises", *seeded)
    X, Y = page["X"], page["Y"]

    def relu(z):
        return np.maximum(z, 0)

    def derivative(a):
        return a > 0

    def losses(n_units):
        for seed in range(6):
            W, b = page["train"](
                (2, n_units, 2),
                X,
                Y,
                300,
                20,
                f=relu,
                f_derivative=derivative,
                seed=seed,
            )
            yield page["loss"](W, b, X, Y, relu)

    three, thirty = sorted(losses(3)), sorted(losses(30))
    assert three[0] < 0.08
    assert three[-1] > 0.25
    assert thirty[0] > 0.05
    assert thirty[-1] < 0.065


# Tags ---------------------------------------------------------------------------------


def tagged(page):
    """Return a dict: the tags of a page, and their equations' LaTeX."""
    equations = {}
    for block in re.findall(r"\.\. math::\n\n((?:(?:   .*)?\n)+)", source_of(page)):
        for equation in re.split(r"\n\s*\n", block.strip()):
            if found := TAG.match(equation):
                equations[found[2]] = " ".join(found[1].split())
    return equations


def tags_in_code(module):
    """Return the tags at the ends of a module's lines."""
    path = LEARN.parents[1] / "sklearn_scratchnn" / f"{module}.py"
    found = COMMENT.findall(path.read_text(encoding="utf-8"))
    return {tag for comment in found for tag in comment.split(", ")}


@pytest.mark.parametrize(
    ("module", "pages"),
    [
        ("network/network", ["forward", "backpropagation"]),
        ("network/losses", ["cross_entropy"]),
        ("network/number_losses", ["numbers"]),
        ("network/gradient_check", ["gradient_check"]),
    ],
)
def test_tags_of_the_code_are_those_of_the_derivations(module, pages):
    derived = {tag for page in pages for tag in tagged(page)}
    assert derived == tags_in_code(module)


def test_code_page_repeats_the_equations():
    """Word by word; of L3, whose left side is worked out on the way, the result."""
    derived = tagged("forward") | tagged("cross_entropy") | tagged("backpropagation")
    shown = tagged("code")
    assert shown.keys() == derived.keys()
    for tag, equation in shown.items():
        if tag == "L3":
            derived[tag] = re.sub(r"= .* = ", "= ", derived[tag])
        assert equation == derived[tag], tag


def test_network_states_the_same_equations():
    """The docstring of ``network.py`` has each tag of its pages once."""
    path = LEARN.parents[1] / "sklearn_scratchnn" / "network" / "network.py"
    stated = re.findall(
        r"^    ([FB]\d)  ", path.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert stated == [*tagged("forward"), *tagged("backpropagation")]
