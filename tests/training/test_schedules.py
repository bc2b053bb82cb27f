"""Learning-rate schedules: their ends, the warm-up, and a training under them."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.training.schedules import SCHEDULES

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def rates(schedule, n_updates, initial=0.5):
    return np.array([schedule.rate(initial, t, n_updates) for t in range(n_updates)])


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("n_updates", [1, 2, 19, 20, 21, 1000])
def test_rates_are_positive_and_at_most_the_initial_one(name, n_updates):
    schedule = SCHEDULES[name]()
    assert schedule.name == name
    values = rates(schedule, n_updates)
    assert np.all(values > 0)
    assert np.all(values <= 0.5)


@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_scale_with_the_initial_one(name):
    values = rates(SCHEDULES[name](), 50)
    assert_allclose(rates(SCHEDULES[name](), 50, 1.5), 3 * values, rtol=1e-14)


@pytest.mark.parametrize("name", ["constant", "adaptive"])
def test_rates_that_no_count_of_updates_changes(name):
    assert_array_equal(rates(SCHEDULES[name](), 30), 0.5)


@pytest.mark.parametrize("power_t", [0.0, 0.5, 1.0])
def test_invscaling(power_t):
    values = rates(SCHEDULES["invscaling"](power_t), 100)
    assert values[0] == 0.5
    assert_allclose(values[99], 0.5 / 100**power_t, rtol=1e-15)


def test_invscaling_of_any_power():
    """Down to nothing, but never out of range."""
    values = rates(SCHEDULES["invscaling"](1000.0), 100)
    assert values[0] == 0.5
    assert np.all(values[1:] >= 0)
    assert np.all(np.diff(values) <= 0)


@pytest.mark.parametrize("solver", ["gd", "sgd"])
def test_the_planned_number_of_updates(moons, monkeypatch, solver):
    """A last batch that is smaller than the others is an update too."""
    planned, cosine = [], SCHEDULES["cosine"]

    class Spy(cosine):
        def rate(self, initial, t, n_updates):
            planned.append((t, n_updates))
            return super().rate(initial, t, n_updates)

    monkeypatch.setitem(SCHEDULES, "cosine", Spy)
    given = {"learning_rate": "cosine", "batch_size": 48, "max_iter": 3}
    ScratchMLPClassifier(3, solver=solver, alpha=1.0, **given).fit(*moons)
    n_updates = 3 if solver == "gd" else 15
    assert planned == [(t, n_updates) for t in range(n_updates)]


# Cosine -----------------------------------------------------------------------------


def test_cosine_warms_up_in_a_straight_line():
    values = rates(SCHEDULES["cosine"](warmup_fraction=0.2), 100)
    assert_allclose(values[:19], 0.5 * np.arange(1, 20) / 20, rtol=1e-14)
    assert values.argmax() == 19
    assert_allclose(values[19], 0.5, rtol=1e-3)


@pytest.mark.parametrize("warmup_fraction", [0.0, 0.05, 0.2, 0.9])
def test_cosine_falls_to_almost_nothing(warmup_fraction):
    """The update after the last would have rate 0."""
    schedule = SCHEDULES["cosine"](warmup_fraction)
    values = rates(schedule, 1000)
    assert np.all(np.diff(values[values.argmax() :]) < 0)
    assert 0 < values[-1] < 1e-3 * 0.5
    assert abs(schedule.rate(0.5, 1000, 1000)) < 1e-16


def test_cosine_is_a_cosine():
    """Loshchilov and Hutter (2017), eq. 5, between the ends."""
    values = rates(SCHEDULES["cosine"](warmup_fraction=0.0), 99)
    expected = [0.25 * (1 + math.cos(math.pi * t / 100)) for t in range(1, 100)]
    assert_allclose(values, expected, rtol=1e-13)
    assert_allclose(values[49], 0.25, rtol=1e-14)


def test_cosine_beyond_its_plan_stays_at_the_end():
    assert SCHEDULES["cosine"]().rate(0.5, 5000, 1000) == 0


@pytest.mark.parametrize("name", SCHEDULES)
def test_only_cosine_needs_the_number_of_updates(name):
    schedule = SCHEDULES[name]()
    depends = not np.array_equal(rates(schedule, 50), rates(schedule, 500)[:50])
    assert schedule.planned == depends == (name == "cosine")


@pytest.mark.parametrize("name", SCHEDULES)
def test_only_adaptive_goes_on_after_a_plateau(name):
    """By fifths, until 1e-6."""
    after = SCHEDULES[name]().after_plateau
    if name != "adaptive":
        assert after(0.5) is None
        return
    assert_allclose(after(0.5), 0.1, rtol=1e-15)
    assert after(1.1e-6) == 1.1e-6 / 5
    assert after(1e-6) is None


# In a training ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def rates_of_a_fit(moons):
    """Return the rates that a fit's passes began with; ten updates a pass."""

    def fit(**settings):
        model = ScratchMLPClassifier(
            3, solver="sgd", batch_size=20, random_state=0, **settings
        )
        return model.fit(*moons).history_["learning_rate"]

    return fit


@pytest.mark.parametrize("name", SCHEDULES)
def test_fit_follows_the_schedule(rates_of_a_fit, name):
    """The first batch of pass i is update 10 i."""
    settings = {"power_t": 0.3, "warmup_fraction": 0.4}
    kept = {key: settings[key] for key in settings if hasattr(SCHEDULES[name], key)}
    expected = rates(SCHEDULES[name](**kept), 80, initial=0.2)[::10]
    fitted = rates_of_a_fit(
        learning_rate=name, learning_rate_init=0.2, max_iter=8, **settings
    )
    assert_allclose(fitted, expected, rtol=1e-14)


def test_adaptive_fit_ends_below_its_least_rate(rates_of_a_fit):
    """With a tol that nothing meets, every third pass is a plateau."""
    fitted = rates_of_a_fit(
        learning_rate="adaptive",
        learning_rate_init=0.1,
        n_iter_no_change=2,
        tol=1e9,
        max_iter=1000,
    )
    distinct = list(dict.fromkeys(fitted))
    assert_allclose(distinct, 0.1 / 5.0 ** np.arange(9), rtol=1e-12)
    assert distinct[-1] <= 1e-6 < distinct[-2]


def test_constant_fit_ends_at_its_first_plateau(rates_of_a_fit):
    fitted = rates_of_a_fit(
        learning_rate="constant", n_iter_no_change=2, tol=1e9, max_iter=1000
    )
    assert len(fitted) == 4


@pytest.mark.parametrize(
    ("warmup", "share", "short"), [(0.05, 0.25, 0.2), (0.4, 0.25, 0.5), (0.7, 0.5, 0.7)]
)
def test_a_shortened_cosine_warms_up_by_as_many_updates(warmup, share, short):
    """Half of them at most, or what was asked for."""
    cosine = SCHEDULES["cosine"](warmup_fraction=warmup)
    assert_allclose(cosine.shortened(share).warmup_fraction, short)
    assert cosine.shortened(1.0) == cosine


@pytest.mark.parametrize("name", sorted(SCHEDULES.keys() - {"cosine"}))
def test_no_other_schedule_is_shortened(name):
    assert SCHEDULES[name]().shortened(0.25) == SCHEDULES[name]()
