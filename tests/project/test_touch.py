"""The page that can be touched computes what the package does, and can be used by all.

One Chromium opens the built site as a file, so that what is tested needs no server.
Left out where Sphinx or Chromium is missing.
"""

import re
from itertools import pairwise

import chromium
import numpy as np
import pytest
from article import PRINTED
from numpy.testing import assert_allclose
from test_docs import DOCS, needs_sphinx, site  # noqa: F401, the fixture

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.network import network as page_of_equations
from sklearn_scratchnn.network.activations import ACTIVATIONS
from sklearn_scratchnn.network.losses import LOSSES

if not DOCS.is_dir():
    pytest.skip("an sdist does not carry docs/", allow_module_level=True)

SCRIPT = (DOCS / "_static" / "touch.js").read_text(encoding="utf-8")
TEXT = (DOCS / "learn" / "touch.rst").read_text(encoding="utf-8")
STOPS = re.findall(r"^\.\. touch-stop:: ([\w-]+)$", TEXT, re.MULTILINE)
ARTICLE = "new touch.Training(touchData)"

in_a_browser = pytest.mark.skipif(chromium.executable is None, reason="no Chromium")
pytestmark = [
    needs_sphinx,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """One browser for all; the theme complains where no mode was ever chosen."""
    opened = chromium.Chromium(tmp_path_factory.mktemp("browser"))
    chosen = 'location.protocol === "file:" && localStorage.setItem("mode", "auto")'
    opened.send("Page.addScriptToEvaluateOnNewDocument", source=chosen)
    yield opened
    opened.close()


@pytest.fixture
def page(browser, site):  # noqa: F811
    """The page as a reader meets it; afterwards nothing has gone wrong."""
    browser.show()
    browser.open((site / "learn" / "touch.html").as_uri())
    browser.ask("window.demo = touch.demos[0], 0")
    yield browser
    assert browser.errors == []
    assert all(address.split(":")[0] in ("file", "about", "data")
               for address in browser.requests)  # fmt: skip


# The script ---------------------------------------------------------------------------


def test_script_is_small_and_asks_nobody():
    assert len(SCRIPT.encode()) < 60_000
    assert not re.search(r"https?:|fetch\(|XMLHttp|import |require\(|eval", SCRIPT)


def test_script_has_the_tags_of_the_equations():
    """At the ends of its lines, as ``network.py`` and ``losses.py`` have them."""
    ending = r"// ((?:[FLB]\d(?:, )?)+|update)(?:  .*)?$"
    tags = re.findall(ending, SCRIPT, re.MULTILINE)
    found = {tag for comment in tags for tag in comment.split(", ")}
    assert found == {"F1", "F2", "L1", "L2", "L3", "B1", "B2", "B3", "B4", "update"}


# What it computes ---------------------------------------------------------------------


@in_a_browser
def test_first_losses_are_those_of_python(page, moons, article):
    losses = page.ask(f"Array.from({ARTICLE}.run(500).losses.slice(0, 500))")
    model = ScratchMLPClassifier(**article | {"max_iter": 500}).fit(*moons)
    assert_allclose(losses, model.loss_curve_, rtol=0, atol=1e-9)
    assert_allclose(page.ask("touchData.losses"), losses, rtol=0, atol=1e-9)


@in_a_browser
@pytest.mark.parametrize(
    ("changes", "ours"),
    [
        ("{units: 1, rate: 0.1}", {"hidden_layer_sizes": 1, "learning_rate_init": 0.1}),
        ("{units: 50, alpha: 1}", {"hidden_layer_sizes": 50, "alpha": 1.0}),
        ("{activation: 'logistic'}", {"activation": "logistic"}),
        ("{activation: 'relu', start: 4}", {"activation": "relu", "random_state": 4}),
    ],
)
def test_losses_under_other_settings(page, moons, article, changes, ours):
    run = f"new touch.Training(touchData, {changes}).run(100).losses.slice(0, 100)"
    model = ScratchMLPClassifier(**article | ours | {"max_iter": 100}).fit(*moons)
    losses = page.ask(f"Array.from({run})")
    assert_allclose(losses, model.loss_curve_, rtol=0, atol=1e-9)


@in_a_browser
def test_printed_digits_and_twenty_thousand_passes(page):
    """The article prints the loss after pass i, which is that before the next one."""
    ms, losses = page.ask(
        f"""(() => {{ const t = {ARTICLE}, begun = performance.now(); t.run(20000);
        const ms = performance.now() - begun;
        return [ms, Array.from(t.losses.slice(0, 20001))]; }})()"""
    )
    assert ms < 10_000
    for i, printed in PRINTED.items():
        here, after = losses[i + 1 : i + 3]
        if i <= 1000:
            assert round(here, 6) == printed
        elif i == 2000:
            assert abs(here - printed) < 1e-3
        else:
            assert printed in (round(here, 6), round(after, 6))
    assert_allclose(sorted(losses[-2:]), [0.070758, 0.071316], atol=5e-7)


def by_network_py(X, Y, draws, units, name, alpha=0.01, rate=2.0):
    """Return every matrix of one pass, computed by the functions of ``network.py``."""
    f, n = ACTIVATIONS[name], len(X)
    W1 = draws[: 2 * units].reshape(2, units) / np.sqrt(2)
    W2 = draws[2 * units : 4 * units].reshape(units, 2) / np.sqrt(units)
    b1, b2 = np.zeros(units), np.zeros(2)
    z1 = page_of_equations.linear(X, W1, b1, np.empty((n, units)))
    a1 = page_of_equations.activation(f, z1.copy(), np.empty((n, units)))
    z2 = page_of_equations.linear(a1, W2, b2, np.empty((n, 2)))
    loss = LOSSES["softmax_cross_entropy"]
    delta2, row = np.empty((n, 2)), np.empty((n, 1))
    p = loss.probabilities(z2.copy())
    C = loss.value_and_delta(z2.copy(), Y, 1 / n, delta2, row)
    dW1, db1, dW2, db2 = (np.empty_like(array) for array in (W1, b1, W2, b2))
    page_of_equations.linear_backward(delta2, a1, dW2, db2)
    dC_da1 = page_of_equations.linear_backward_input(delta2, W2, np.empty((n, units)))
    delta1 = page_of_equations.activation_backward(
        f, z1.copy(), a1.copy(), dC_da1.copy(), np.empty((n, units))
    )
    page_of_equations.linear_backward(delta1, X, dW1, db1)
    dW1 += alpha / n * W1
    dW2 += alpha / n * W2
    C += alpha / (2 * n) * (np.sum(W1**2) + np.sum(W2**2))
    new = {"newW1": W1 - rate * dW1, "newb1": b1 - rate * db1}
    new |= {"newW2": W2 - rate * dW2, "newb2": b2 - rate * db2}
    new |= {"stepW1": -rate * dW1, "stepb1": -rate * db1}
    new |= {"stepW2": -rate * dW2, "stepb2": -rate * db2}
    return C, dict(
        X=X, Y=Y, W1=W1, b1=b1, W2=W2, b2=b2, z1=z1, a1=a1, z2=z2, p=p, delta2=delta2,
        dC_da1=dC_da1, delta1=delta1, dW1=dW1, db1=db1, dW2=dW2, db2=db2, **new,
    )  # fmt: skip


@in_a_browser
@pytest.mark.parametrize("name", ["tanh", "logistic", "relu"])
def test_slow_motion_is_network_py(page, moons, name):
    X, y = moons
    shown = page.ask(
        f"""(() => {{
        const t = new touch.Training(touchData, {{activation: "{name}"}});
        const {{C, matrices}} = touch.slowMotion(t);
        const after = Array.from(t.run(1).network.theta);
        for (const m in matrices) matrices[m][0] = Array.from(matrices[m][0]);
        return {{C, matrices, after}}; }})()"""
    )
    draws = np.random.RandomState(0).randn(12)
    C, expected = by_network_py(X, np.eye(2)[y], draws, 3, name)
    assert abs(shown["C"] - C) < 1e-14
    assert shown["matrices"].keys() == expected.keys()
    for key, (numbers, rows, columns) in shown["matrices"].items():
        assert (rows, columns) == np.atleast_2d(expected[key]).shape, key
        assert_allclose(numbers, expected[key].ravel(), rtol=0, atol=1e-13, err_msg=key)
    order = ("newW1", "newW2", "newb1", "newb2")
    theta = np.concatenate([expected[key].ravel() for key in order])
    assert_allclose(shown["after"], theta, rtol=0, atol=1e-13)


@in_a_browser
def test_slow_motion_step_by_step(page):
    """Each press lights one equation and shows its matrices; the last ends the pass."""
    seen = []
    for _ in range(page.ask("touch.STEPS.length")):
        page.ask("document.querySelector('[data-do=forth]').click()")
        seen.append(
            page.ask(
                """[document.querySelector("[data-step][aria-current] b").textContent,
            [...document.querySelectorAll(".touch-matrix figcaption")]
              .map(e => e.textContent.replace(/\\s+/g, " ")).join(" | ")]"""
            )
        )
    tags = " ".join(tag for tag, _ in seen)
    assert tags == "F1 F2 F1 L1 L2 L3 B1 B2 B3 B4 B1 B2 update"
    assert seen[0][1] == "X (200, 2) | W1 (2, 3) | b1 (3,) | z1 (200, 3)"
    first, computed = page.ask(
        """(demo.goToStep(0), [[...document.querySelectorAll(
        "[data-matrix=z1] tr:first-child td")].map(e => e.textContent),
        Array.from(demo.slow.matrices.z1[0].slice(0, 3))])"""
    )
    first = [float(text.replace("\N{MINUS SIGN}", "-")) for text in first]
    assert_allclose(first, computed, rtol=5e-3)
    update = "W1 (2, 3) | \N{MINUS SIGN}η dW1 (2, 3) | W1 new (2, 3) | b1 (3,)"
    assert seen[-1][1].startswith(update)
    assert page.ask("demo.training.passes") == 0
    page.ask("document.querySelector('[data-do=finish]').click()")
    assert page.ask("[demo.training.passes, demo.step]") == [1, -1]


@in_a_browser
def test_an_update_is_seen_after_a_finished_stop(page):
    """The steps are too small for three digits of a weight; they have their own."""
    page.ask("demo.go('three-units', true), demo.goToStep(touch.STEPS.length - 1), 0")
    cells, computed = page.ask(
        """[[...document.querySelectorAll("[data-matrix=stepW1] td")]
        .map(e => e.textContent), Array.from(demo.slow.matrices.stepW1[0])]"""
    )
    steps = [float(text.replace("\N{MINUS SIGN}", "-")) for text in cells]
    assert_allclose(steps, computed, rtol=0.1)
    assert np.all(steps)
    assert not any("-" in text for text in cells)


@in_a_browser
def test_a_nudge_shows_the_derivative(page):
    for index in range(17):
        slope, quotient = page.ask(
            f"(r => [r.slope, r.quotient])(touch.nudge({ARTICLE}, {index}, 0.5))"
        )
        assert abs(slope - quotient) < 1e-8
    page.ask("demo.chosen = 3, demo.nudged = 0.5, demo.draw()")
    _, after, foretold, *_ = page.ask(
        "[...document.querySelectorAll('.touch-found dd')].map(e => e.textContent)"
    )
    found = page.ask(f"(r => [r.found, r.foretold])(touch.nudge({ARTICLE}, 3, 0.5))")
    assert_allclose([float(after), float(foretold)], found, atol=5e-7)
    assert page.ask("demo.training.passes") == 0


@in_a_browser
@pytest.mark.parametrize(
    ("changes", "passes"),
    [
        ("{units: 50}", 3600),
        ("{units: 50, batch: 20, rate: 0.5}", 400),
        ("{}", 6000),
        ("{rate: 1.25}", 12_000),
        ("{rate: 3}", 4000),
    ],
)
def test_verdict_is_true_at_every_pass(page, changes, passes):
    """Each state's sentence, against the losses that it speaks of."""
    states, losses = page.ask(
        f"""(() => {{ const t = new touch.Training(touchData, {changes}), states = [];
        for (let i = 0; i < {passes}; i++) {{
          states.push(t.verdict().state);
          t.pass();
          t.losses[t.passes] = t.objectiveNow();
        }}
        return [states, Array.from(t.losses.slice(0, {passes}))]; }})()"""
    )
    losses = np.array(losses)
    for n in range(30, passes):
        state, last = states[n], losses[n - 19 : n + 1]
        if state == "falls":
            assert losses[n] < losses[n - 20], n
        elif state == "rises":
            assert losses[n] > losses[n - 20], n
        elif state == "alternates":
            before = losses[n - 319 : n - 299]
            assert min(before) - min(last) < 0.05 * np.ptp(last), n
        elif state == "swings":
            for back in (100, 300):
                then = n - min(back, n - 19)
                assert min(losses[then - 19 : then + 1]) > min(last), n
        elif state == "rests":
            assert np.ptp(last) < 1e-6, n
        else:
            assert state == "wanders"
    if "50" in changes:
        assert "alternates" not in states
    if changes == "{}":
        assert set(states[2600:]) == {"alternates"}


@in_a_browser
@pytest.mark.parametrize("change", ["alpha: 1", "rate: 1", "batch: 20", "points"])
def test_verdict_after_a_change_waits_for_passes(page, change):
    """What was said of other settings or points is not true of these."""
    page.ask("demo.go('two-step-cycle', true)")
    move = "demo.move(0, 2, -1)" if change == "points" else f"demo.set({{{change}}})"
    said = "document.querySelector('.touch-verdict').textContent"
    assert page.ask(f"({move}, demo.draw(), {said})") == "Changed: press Run."
    few = page.ask(f"(demo.advance(20), demo.draw(), {said})")
    assert few == "Too few passes since the change to tell."
    assert page.ask(f"(demo.advance(400), demo.draw(), {said})").startswith("The loss ")


@in_a_browser
def test_moons_of_other_noise(page):
    moons = "(m => [Array.from(m.X), Array.from(m.y)])(touch.makeMoons(2000, 0, 3))"
    X, y = page.ask(moons)
    X, y = np.reshape(X, (-1, 2)), np.array(y)
    assert_allclose(np.hypot(*X[y == 0].T), 1)
    assert_allclose(np.hypot(*(X[y == 1] - [1, 0.5]).T), 1)
    noisy = page.ask("Array.from(touch.makeMoons(2000, 0.3, 3).X)")
    assert abs(np.std(np.reshape(noisy, (-1, 2)) - X) - 0.3) < 0.02


# The guided stops ---------------------------------------------------------------------


@in_a_browser
def test_every_stop_has_a_text(page):
    assert page.ask("Object.keys(touch.STOPS)") == STOPS
    links = "[...document.querySelectorAll('.touch-stops a')].map(a => a.hash)"
    assert page.ask(links) == [f"#stop={name}" for name in STOPS]


WOBBLES = ("wanders", "swings")
PROMISED = {
    "start": lambda loss, fresh, state, dead: loss > 0.5,
    "one-unit": lambda loss, fresh, state, dead: loss > 0.29,
    "three-units": lambda loss, fresh, state, dead: loss < 0.0685,
    "two-step-cycle": lambda loss, fresh, state, dead: state == "alternates",
    "cure": lambda loss, fresh, state, dead: loss < 0.0681 and state == "falls",
    "fifty-units": lambda loss, fresh, state, dead: loss < 0.05 < 0.15 < fresh,
    "penalty": lambda loss, fresh, state, dead: fresh < 0.12,
    "minibatches": lambda loss, fresh, state, dead: loss < 0.12 and state in WOBBLES,
    "dead-start": lambda loss, fresh, state, dead: loss > 0.25 and dead == 1,
}


@in_a_browser
@pytest.mark.parametrize("name", STOPS)
def test_stop_ends_as_it_promises(page, name):
    """By its link, where motion is not wanted: at once."""
    page.show(still=True)
    page.ask(f"location.hash = '#stop={name}', new Promise(r => setTimeout(r, 0))")
    page.ask("new Promise(done => setTimeout(done, 50))")
    found = page.ask(
        f"""(t => [t.loss, t.freshLoss, t.verdict().state, t.deadUnits().length,
        touch.STOPS["{name}"].promise(t)])(demo.training)"""
    )
    assert found.pop()
    assert PROMISED[name](*found)
    shown, current = page.ask(
        """[[...document.querySelectorAll(".touch-stop")].filter(e => !e.hidden)
        .map(e => e.id), document.querySelector(".touch-stops [aria-current]").hash]"""
    )
    assert shown == [f"stop={name}"]
    assert current == f"#stop={name}"
    agree = """[...document.querySelectorAll(".touch-controls output")].slice(0, 4)
        .map(e => +e.textContent).join() ===
        (s => [s.rate, s.units, s.alpha, s.noise].join())(demo.training.settings)"""
    assert page.ask(agree)


@in_a_browser
def test_stop_runs_where_motion_is_wanted(page):
    page.ask("demo.go('minibatches')")
    page.ask("new Promise(done => setTimeout(done, 300))")
    assert 0 < page.ask("demo.training.passes") <= 100
    assert page.ask("demo.playing || demo.training.passes === 100")


@in_a_browser
def test_what_the_stops_say_is_true(page):
    """Each of these is a sentence of the page."""

    def run(changes, passes, what="t.loss"):
        return page.ask(
            f"(t => {what})(new touch.Training(touchData, {changes}).run({passes}))"
        )

    mini = run("{rate: 0.5, batch: 20}", 100)
    assert run("{rate: 0.5}", 760) > mini > run("{rate: 0.5}", 800)
    after = "(t.set({batch: 0}), t.run(200), t.verdict().state)"
    assert run("{rate: 0.5, batch: 20}", 100, after) == "falls"

    relu = "{{activation: 'relu', rate: 1, start: {}}}"
    dead = "t.deadUnits().length"
    ends = [run(relu.format(i), 2000, f"[t.loss, {dead}]") for i in range(8)]
    assert page.ask("touchData.draws.length") == 8
    assert [i for i, (loss, _) in enumerate(ends) if loss < 0.1] == [1, 2, 3, 7]
    assert [i for i, (_, units) in enumerate(ends) if units] == [4]
    assert min(ends[i][0] for i in (0, 5, 6)) > 0.25
    assert [run(relu.format(4), passes, dead) for passes in (0, 1, 2)] == [0, 0, 1]

    end = "(s => [s.C, t.freshLoss, s.C - s.penalty])(touch.slowMotion(t))"
    same = "{{units: {}, rate: 1, alpha: {}}}"
    three, many, priced = (
        np.array(run(same.format(units, alpha), 6000, end))
        for units, alpha in ((3, 0.01), (50, 0.01), (50, 0.3))
    )
    assert_allclose([three[1], many[1], priced[1]], [0.12, 0.16, 0.10], atol=0.005)
    assert_allclose([many[0], priced[0]], [0.05, 0.13], atol=0.005)
    assert abs(priced[1] / many[1] - 2 / 3) < 0.01
    assert priced[2] > many[2]  # without the penalty, too
    early = [run(same.format(50, 0.01), i, "t.freshLoss") for i in (50, 450)]
    assert early[1] < min(early[0], many[1]) - 0.05
    stiff = "(t.set({alpha: 10}), t.run(1000), t.accuracy)"
    assert run(same.format(50, 0.3), 6000, stiff) < 0.86

    assert abs(run("{units: 1, rate: 0.1}", 2000, "t.accuracy") - 0.85) < 0.011


@in_a_browser
@pytest.mark.parametrize("rate", [0.75, 1, 1.25, 1.5, 2, 3, 5, 10])
def test_what_is_expected_of_the_change_is_true(page, rate):
    """After about 20,000 passes, wherever the reader stops."""
    assert re.search(r"about 20,000 passes", TEXT)
    states, losses = page.ask(
        f"""(t => {{ const states = [];
        while (t.passes < 22000) {{
          t.pass();
          t.losses[t.passes] = t.objectiveNow();
          if (t.passes > 18000 && t.passes % 97 === 0) states.push(t.verdict().state);
        }}
        return [states, Array.from(t.losses.slice(18000, 22001))];
        }})(new touch.Training(touchData, {{rate: {rate}}}))"""
    )
    leaps = np.mean(np.divide(losses[1:], losses[:-1]) > 1.1)
    if rate <= 1:
        assert set(states) == {"rests"}
    elif rate <= 2:
        assert set(states) == {"alternates"}
    else:
        assert "alternates" not in states
        assert 0.005 < leaps < 0.1 if rate < 10 else 0.3 < leaps


# Who can use it -----------------------------------------------------------------------


@in_a_browser
def test_by_keyboard_alone(page):
    """Tab comes to everything that can be pressed, and the keys do what they should."""
    wanted = page.ask(
        """[...demo.root.querySelectorAll(
        "button, select, input, canvas[tabindex], a[href]")]
        .filter(e => e.checkVisibility() && !e.disabled).length"""
    )
    page.ask("""(document.querySelector(".touch-stops a").focus(),
        window.walked = new Set([document.activeElement]), 0)""")
    inside = "demo.root.contains(document.activeElement)"
    while page.ask(inside):
        page.ask("walked.add(document.activeElement), 0")
        page.press("Tab")
        assert page.ask("walked.size") < 100
    assert page.ask("walked.size") == wanted
    assert page.ask("""[...demo.root.querySelectorAll("select, input")]
        .every(e => e.labels.length === 1)""")

    page.ask("document.querySelector('[data-do=once]').focus()")
    page.press("Enter", 3)
    assert page.ask("demo.training.passes") == 3
    page.ask("document.querySelector('[data-name=rate]').focus()")
    page.press("ArrowLeft")
    assert page.ask("demo.training.settings.rate") == 1.5
    page.ask("document.querySelector('[data-do=run]').focus()")
    page.press(" ")
    page.ask("new Promise(done => setTimeout(done, 300))")
    assert page.ask("demo.playing")
    page.press(" ")
    assert not page.ask("demo.playing")
    assert page.ask("demo.training.passes") > 3
    said = page.ask("document.querySelector('.touch [aria-live]').textContent")
    assert re.match(r"Pass \d+, loss 0\.\d{4}, \d+\.\d % of these points right", said)


@in_a_browser
def test_points_by_keyboard(page):
    page.ask("document.querySelector('[data-do=add]').focus()")
    page.press("Enter")
    assert page.ask("demo.training.rows") == 201
    page.press("ArrowRight", 2)
    page.press("ArrowUp")
    place = page.ask("Array.from(demo.training.X.slice(400))")
    assert_allclose(place, [0.7, 0.35])
    assert "Point 201 of 201" in page.ask(
        "document.querySelector('.touch [aria-live]').textContent"
    )
    page.press("Delete")
    assert page.ask("[demo.training.rows, demo.selected]") == [200, 199]
    page.ask("document.querySelector('[data-do=next]').focus()")
    page.press("Enter", 2)
    assert page.ask("demo.selected") == 1
    page.ask("demo.advance(10)")
    loss = page.ask("demo.training.loss")
    page.ask("document.querySelector('[data-do=remove]').click()")
    assert page.ask("[demo.training.rows, demo.selected]") == [199, 1]
    assert page.ask("Array.from(demo.training.X.slice(2, 4))") == page.ask(
        "touchData.X.slice(4, 6)"
    )
    page.ask("document.querySelector('[data-do=restore]').click()")
    assert page.ask("Array.from(demo.training.X).join() === touchData.X.join()")
    assert page.ask("[demo.training.passes, demo.training.loss]") == [10, loss]


@in_a_browser
def test_only_a_chosen_point_can_be_removed(page):
    disabled = "document.querySelector('[data-do=remove]').disabled"
    assert page.ask(disabled)
    page.ask("document.querySelector('[data-do=next]').click()")
    assert not page.ask(disabled)


def place_of_plane(page):
    """Scroll to the plane, and return where it is in the window."""
    return page.ask(
        """(c => (c.scrollIntoView({block: "center"}),
        (b => [b.left, b.top, b.width, b.height])(c.getBoundingClientRect())))(
        document.querySelector("[data-canvas=plane]"))"""
    )


@in_a_browser
def test_a_drag_from_the_empty_plane_adds_no_point(page):
    left, top, width, height = place_of_plane(page)
    page.mouse("mousePressed", left + 0.1 * width, top + 0.9 * height)
    page.mouse("mouseMoved", left + 0.2 * width, top + 0.9 * height)
    page.mouse("mouseReleased", left + 0.2 * width, top + 0.9 * height)
    assert page.ask("demo.training.rows") == 200


@in_a_browser
def test_points_by_finger(page):
    """A swipe from any point scrolls; a point that was tapped can be dragged."""
    page.show(width=390, height=800, still=True)
    left, top, width, height = place_of_plane(page)
    first = "Array.from(demo.training.X.slice(0, 2))"
    before = px, py = page.ask(first)
    x, y = left + (px + 2) / 5 * width, top + (2.1 - py) / 3.7 * height
    scrolled = page.ask("scrollY")
    page.swipe(x, y, 0, -120)
    state = f"[{first}, demo.training.rows, demo.selected]"
    assert page.ask(state) == [before, 200, -1]
    assert page.ask("scrollY") > scrolled

    place_of_plane(page)
    page.swipe(x, y)
    assert page.ask(state) == [before, 200, 0]
    scrolled = page.ask("scrollY")
    page.swipe(x, y, 0.1 * width, 0.2 * height)
    assert_allclose(page.ask(first), [px + 0.5, py - 0.74], atol=0.03)
    assert page.ask("scrollY") == scrolled

    page.swipe(left + 0.1 * width, top + 0.9 * height)
    assert page.ask("demo.training.rows") == 201


@in_a_browser
def test_points_by_mouse(page):
    """A click adds one, a drag moves it, and the losses are those of the new points."""
    left, top, width, height = place_of_plane(page)
    x, y = left + 0.1 * width, top + 0.9 * height
    page.mouse("mousePressed", x, y)
    page.mouse("mouseReleased", x, y)
    assert page.ask("demo.training.rows") == 201
    before = page.ask("demo.training.loss")
    page.mouse("mousePressed", x, y)
    page.mouse("mouseMoved", x + 0.5 * width, y - 0.4 * height)
    page.mouse("mouseReleased", x + 0.5 * width, y - 0.4 * height)
    assert page.ask("demo.training.rows") == 201
    place = page.ask("Array.from(demo.training.X.slice(400))")
    assert_allclose(place, [-2 + 0.6 * 5, 2.1 - 0.5 * 3.7], atol=0.02)
    assert page.ask("demo.training.loss") != before


@in_a_browser
def test_marks_of_the_rate_can_be_read(page):
    """One mark a pass, and no text of the losses over another."""
    page.ask("demo.advance(1000), demo.set({rate: 1.5}), demo.set({rate: 1.25}), 0")
    assert page.ask("demo.training.marks") == [[1000, "rate 1.25"]]
    for passes, rate in (1000, 1), (10, 0.5), (1700, 0.75), (200, 0.75):
        page.ask(f"demo.advance({passes}), demo.set({{rate: {rate}}}), 0")
    written = page.ask(
        """(() => { const old = CanvasRenderingContext2D.prototype.fillText, found = [];
        CanvasRenderingContext2D.prototype.fillText = function(text, x, y) {
          const w = this.measureText(text).width;
          const left = x - w * {left: 0, center: 0.5, right: 1}[this.textAlign];
          if (this.canvas.dataset.canvas === "loss")
            found.push([text, left, left + w, y]);
          old.call(this, text, x, y);
        };
        demo.drawLoss();
        CanvasRenderingContext2D.prototype.fillText = old;
        return found; })()"""
    )
    for i, (text, left, right, y) in enumerate(written):
        for other, left2, right2, y2 in written[:i]:
            apart = right <= left2 or right2 <= left or abs(y - y2) >= 12
            assert apart, (text, other)
    labels = [text for text, *_ in written if "rate" in text]
    assert labels == ["rate 1", "rate 0.75"]


@in_a_browser
def test_every_control_does_something(page):
    """And the run goes on, or begins anew, without an error."""
    for name, value in {
        "rate": 3, "units": 19, "alpha": 5, "noise": 7, "activation": "relu",
        "batch": "20", "view": "2", "speed": "60", "chosen": "4", "nudge": "30",
    }.items():  # fmt: skip
        page.ask(
            f"""(e => {{ e.value = "{value}";
            e.dispatchEvent(new Event("input", {{bubbles: true}})); }})(
            document.querySelector("[data-name={name}]"))"""
        )
        page.ask("(demo.training.run(3), demo.draw())")
    settings = page.ask("demo.training.settings")
    assert settings == {
        "rate": 0.1, "units": 20, "alpha": 1, "noise": 0.4, "activation": "relu",
        "batch": 20, "start": 0,
    }  # fmt: skip
    for name in ("another", "reset", "once", "forth", "back", "finish"):
        page.ask(f"document.querySelector('[data-do={name}]').click()")
    assert page.ask("demo.training.settings.start") == 1


@in_a_browser
def test_colours_have_a_key(page):
    captions = page.ask(
        """[...demo.root.querySelectorAll("figcaption")]
        .map(e => e.textContent).join()"""
    )
    assert all(word in captions for word in ("green", "pink", "orange", "violet"))
    assert "black" not in TEXT  # in the dark it is white


@in_a_browser
def test_without_motion(page):
    page.show(still=True)
    page.ask("new Promise(done => setTimeout(done, 50))")
    button = "document.querySelector('[data-do=run]')"
    assert page.ask(f"{button}.textContent.trim()") == "Run 500 passes"
    assert page.ask(f"({button}.click(), [demo.training.passes, !!demo.playing])") == [
        500,
        False,
    ]


@in_a_browser
@pytest.mark.parametrize("name", ["learn/touch", "index"])
def test_without_scripts(browser, site, name):  # noqa: F811
    """The pictures are there, and every text; nothing that could be pressed in vain."""
    browser.show(scripts=False)
    browser.open((site / f"{name}.html").as_uri())
    browser.show()
    pictures, buttons, stops = browser.ask(
        """[[...document.querySelectorAll(".touch-fallback img")].map(
        i => i.checkVisibility() && i.src.includes("boundary_over_passes")),
        document.querySelectorAll(".touch button").length,
        [...document.querySelectorAll(".touch-stop")]
        .filter(e => e.checkVisibility()).length]"""
    )
    assert pictures == [True]
    assert buttons == 0
    assert stops == (len(STOPS) if name == "learn/touch" else 0)


@in_a_browser
@pytest.mark.parametrize("name", ["learn/touch", "index"])
def test_widths_and_themes(browser, site, name):  # noqa: F811
    """Nothing is wider than the window, and a dark page has a dark plane."""
    for theme in ("light", "dark"):
        for width in (1200, 390):
            browser.show(width=width, theme=theme, still=True)
            browser.open((site / f"{name}.html").as_uri())
            browser.ask("demo = touch.demos[0], demo.advance(2500), demo.draw()")
            if name != "index":
                browser.ask("demo.goToStep(10)")
            assert browser.ask("document.documentElement.dataset.theme") == theme
            wide = browser.ask(
                """[...demo.root.querySelectorAll("*")]
                .filter(e => e.checkVisibility() && !e.matches(".touch-hidden"))
                .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
                .map(e => e.className)"""
            )
            assert wide == [], (theme, width)
            assert browser.ask("document.documentElement.scrollWidth") <= width
            papers = browser.ask(
                "[demo.colours.paper, getComputedStyle(document.body).backgroundColor]"
            )
            assert (papers[0] > "#8") == (theme == "light"), papers
            blank = browser.ask(
                """[...demo.root.querySelectorAll("canvas")].filter(c =>
                c.clientWidth && new Set(c.getContext("2d")
                .getImageData(0, 0, c.width, c.height).data).size < 20)
                .map(c => c.dataset.canvas)"""
            )
            assert blank == []
    assert browser.errors == []


@in_a_browser
@pytest.mark.parametrize("name", ["learn/touch", "index"])
def test_narrow_page_shows_first_what_moves(browser, site, name):  # noqa: F811
    """The plane and the loss under Run, and in slow motion the matrices."""
    browser.show(width=390, still=True)
    browser.open((site / f"{name}.html").as_uri())
    boxes = "s => demo.root.querySelector('.touch-' + s).getBoundingClientRect()"
    browser.ask(f"demo = touch.demos[0], box = {boxes}, 0")
    order = ("bar", "plane", "loss", "status", "controls")
    places = [browser.ask(f"(b => [b.top, b.bottom])(box('{s}'))") for s in order]
    for (_, above), (below, _) in pairwise(places):
        assert 0 <= below - above < 40
    assert places[2][1] - places[0][0] < 844 - 60  # all of it on a phone
    if name != "index":
        browser.ask("demo.goToStep(6)")
        bar, work, steps = (
            browser.ask(f"box('{s}').top") for s in ("slow .touch-bar", "work", "steps")
        )
        assert bar < work < steps


@in_a_browser
def test_small_one_on_the_start_page(browser, site):  # noqa: F811
    browser.show()
    browser.open((site / "index.html").as_uri())
    browser.ask("demo = touch.demos[0], 0")
    assert browser.ask("[demo.small, touch.demos.length]") == [True, 1]
    browser.ask("document.querySelector('.touch [data-do=run]').click()")
    browser.ask("new Promise(done => setTimeout(done, 300))")
    assert browser.ask("demo.training.passes") > 5
    browser.ask("demo.pause()")
    assert browser.errors == []


@in_a_browser
def test_film_of_the_boundary(browser, site):  # noqa: F811
    """The gallery's slider goes from the first epoch to the last."""
    path = site / "auto_examples" / "plot_boundary_over_passes.html"
    if "anim-slider" not in path.read_text(encoding="utf-8"):
        pytest.skip("the site is built without its gallery")
    assert path.stat().st_size < 1_000_000
    browser.show()
    browser.open(path.as_uri())
    first, last, width = browser.ask(
        """(slider => {
        const image = document.querySelector(".animation img"), go = value => {
          slider.value = value;
          slider.dispatchEvent(new Event("input"));
          return image.src;
        };
        return [go(slider.min), go(slider.max), image.width];
        })(document.querySelector(".anim-slider"))"""
    )
    assert first.startswith("data:image/png")
    assert last.startswith("data:image/png")
    assert first != last
    assert 200 < width < 600
    assert browser.errors == []


@in_a_browser
def test_a_link_from_elsewhere_opens_its_stop(browser, site):  # noqa: F811
    browser.show(still=True)
    browser.open((site / "learn" / "touch.html").as_uri() + "#stop=cure")
    assert browser.ask("touch.demos[0].training.passes") == 8000
    top = "document.querySelector('.touch').getBoundingClientRect().top"
    assert 0 <= browser.ask(top) < 300
