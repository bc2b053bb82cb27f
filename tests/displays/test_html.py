"""What a notebook shows: the network inside scikit-learn's own diagrams."""

import pickle
import re
from xml.etree import ElementTree

import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from tasks import COUNTS, LABELS, tasks

from sklearn_scratchnn import ScratchMLPClassifier, ScratchMLPRegressor
from sklearn_scratchnn.displays import notebook
from sklearn_scratchnn.displays.notebook import blocks, caption, curves, unfolded

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

unfolds = pytest.mark.skipif(
    not hasattr(BaseEstimator, "_get_params_html"),
    reason="before scikit-learn 1.7 a box has a caption alone",
)


class Net(ScratchMLPClassifier):
    """A network whose parameters are documented.

    Parameters
    ----------
    hidden_layer_sizes : array-like of shape (n_hidden,), default=(100,)
        Units of each hidden layer.

    alpha : float, default=1.0
        Strength of the penalty.
    """

    _doc_link_module = __name__.split(".")[0]


class NumberNet(ScratchMLPRegressor):
    __doc__ = Net.__doc__
    _doc_link_module = Net._doc_link_module


def net_of(task, *args, **params):
    """Return a network for labels or for numbers."""
    return (Net if task is LABELS else NumberNet)(*args, **params)


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def fitted(iris, task):
    net = net_of(task, (5, 3), activation=["relu", "tanh"], max_iter=6, random_state=0)
    return net.fit(*iris)


def html_of(estimator):
    return estimator._repr_mimebundle_()["text/html"]


def lines_of(svg):
    """Return the points of each line of an SVG picture, (n_points, 2)."""
    root = ElementTree.fromstring(f"<div>{svg}</div>")
    return [
        np.array([pair.split(",") for pair in line.get("points").split()], float)
        for line in root.iter("polyline")
    ]


# The caption, always seen


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({}, "features → auto relu"),
        ({"hidden_layer_sizes": ()}, "features"),
        ({"hidden_layer_sizes": 1000}, "features → 1,000 relu"),
        (
            {"hidden_layer_sizes": (9, 4), "activation": ["gelu", "tanh"]},
            "features → 9 gelu → 4 tanh",
        ),
        ({"hidden_layer_sizes": (8,) * 20}, "features → 20 × 8 relu"),
    ],
)
def test_architecture_before_fit(task, params, text):
    """It ends with what is predicted."""
    text += " → classes" if task is LABELS else " → numbers"
    assert caption(net_of(task, **params)) == text
    assert text in html_of(net_of(task, **params))


def test_architecture_parameters_and_loss_after_fit(fitted, task):
    loss = fitted.history_["loss"]
    text = caption(fitted)
    output = "3 softmax · 55" if task is LABELS else "1 identity · 47"
    assert text.startswith(f"4 → 5 relu → 3 tanh → {output} parameters · loss █")
    assert text.endswith(f"{blocks(loss)} {loss[-1]:.3g}")
    assert text in html_of(fitted)


def test_the_fitted_network_is_shown_not_the_changed_parameters(fitted, task):
    changed = pickle.loads(pickle.dumps(fitted))
    changed.set_params(hidden_layer_sizes=(70,), activation="elu")
    assert caption(changed) == caption(fitted)
    predicted = "classes" if task is LABELS else "numbers"
    assert caption(clone(changed)) == f"features → 70 elu → {predicted}"


def test_several_columns_of_y(task):
    X, Y = make_multilabel_classification(60, 4, n_classes=2, random_state=0)
    net = net_of(task, (3,), max_iter=2, random_state=0).fit(X, Y)
    link = "logistic" if task is LABELS else "identity"
    assert f"4 → 3 relu → 2 {link} · 23 parameters" in caption(net)


def test_the_link_of_counts(iris):
    net = NumberNet((3,), loss="poisson", max_iter=2, random_state=0).fit(*iris)
    assert "4 → 3 relu → 1 exp · 19 parameters" in caption(net)


def test_block_characters():
    assert blocks([1000, 100, 10, 1]) == "█▆▃▁"
    assert blocks(np.geomspace(1, 1e-9, 999)) == "█▇▆▅▄▃▂▁"
    assert blocks([2.0]) == blocks([2.0, 2.0])[0] == "▁"
    assert blocks([1e3, np.inf, np.nan, 0.0, 1.0]) == "█▁"


# The unfolded box


def test_table_of_layers(fitted, task):
    rows = [
        ["".join(cell.itertext()) for cell in row]
        for row in ElementTree.fromstring(unfolded(fitted)).iter("tr")
    ]
    assert rows == [
        ["Layer", "Units", "Activation", "Parameters"],
        ["input", "4", "", ""],
        ["hidden", "5", "relu", "25"],
        ["hidden", "3", "tanh", "18"],
        *(
            [["output", "3", "softmax", "12"], ["all", "", "", "55"]]
            if task is LABELS
            else [["output", "1", "identity", "4"], ["all", "", "", "47"]]
        ),
    ]
    rows = [
        ["".join(cell.itertext()) for cell in row]
        for row in ElementTree.fromstring(unfolded(Net((7,)))).iter("tr")
    ]
    assert rows[2] == ["hidden", "7", "relu"]
    assert "svg" not in unfolded(Net((7,)))


def test_the_curve_falls_with_the_loss_inside_the_picture():
    history = {"loss": np.array([100.0, 10.0, 1.0])}
    (line,) = lines_of(curves(history))
    x, y = line.T
    assert np.ptp(np.diff(x)) == 0 < np.diff(x)[0]
    assert np.ptp(np.diff(y)) < 0.11 < np.diff(y)[0]  # even steps of the logarithm
    assert 0 <= line.min()
    assert x.max() <= notebook.WIDTH
    assert y.max() <= notebook.HEIGHT
    assert "loss 100 to 1" in curves(history)
    assert "3 epochs" in curves(history)


def test_the_validation_loss_has_its_own_line():
    history = {"loss": [4.0, 1.0], "validation_loss": [4.0, 2.0]}
    training, validation = lines_of(curves(history))
    assert training[0, 1] == validation[0, 1]
    assert training[-1, 1] > validation[-1, 1]
    assert "validation loss 4 to 2" in curves(history)


def test_long_and_broken_histories_stay_small():
    (line,) = lines_of(curves({"loss": np.geomspace(1, 1e-3, 20_000)}))
    assert len(line) == notebook.MAX_POINTS
    assert line[-1, 0] == notebook.WIDTH - notebook.MARGIN
    (line,) = lines_of(curves({"loss": [1.0, np.inf]}))
    assert np.isfinite(line).all()
    assert len(lines_of(curves({"loss": [0.5]}))[0]) == 1


@unfolds
def test_the_box_holds_network_then_parameters(fitted):
    html = html_of(fitted)
    assert unfolded(fitted) in html
    assert html.index("scratchnn-network") < html.index("<summary>Parameters")
    assert "hidden_layer_sizes" in html
    assert "<polyline" not in html_of(Net())


# Inside other estimators


@unfolds
@pytest.mark.parametrize("wrap", ["pipeline", "search", "both"])
def test_inside_pipelines_and_searches(iris, task, wrap):
    net = net_of(task, (5,), max_iter=3, random_state=0)
    pipeline = Pipeline([("scaler", StandardScaler()), ("net", net)])
    estimator = {
        "pipeline": pipeline,
        "search": GridSearchCV(net, {"alpha": [1.0, 2.0]}, cv=2),
        "both": GridSearchCV(pipeline, {"net__alpha": [1.0, 2.0]}, cv=2),
    }[wrap]
    before, after = {
        True: ("classes", "3 softmax · 43"),
        False: ("numbers", "1 identity · 31"),
    }[task is LABELS]
    html = html_of(estimator)
    assert f"features → 5 relu → {before}" in html
    assert "scratchnn-network" in html
    html = html_of(estimator.fit(*iris))
    assert f"4 → 5 relu → {after} parameters · loss █" in html
    assert html.count("<polyline") == 1


@unfolds
def test_inside_a_calibrated_classifier():
    html = html_of(CalibratedClassifierCV(Net((5,)), cv=2))
    assert "features → 5 relu → classes" in html
    assert "scratchnn-network" in html


@unfolds
def test_inside_an_estimator_that_transforms_y():
    html = html_of(TransformedTargetRegressor(NumberNet((5,)), func=np.log))
    assert "features → 5 relu → numbers" in html
    assert "scratchnn-network" in html


def test_captions_need_no_newer_scikit_learn(iris):
    net = Net((5,), max_iter=3, random_state=0)
    search = GridSearchCV(make_pipeline(StandardScaler(), net), {"net__alpha": [1, 2]})
    assert "features → 5 relu → classes" in html_of(search)
    assert "4 → 5 relu → 3 softmax" in html_of(search.fit(*iris))


@tasks(LABELS, COUNTS)
def test_the_members_of_an_ensemble_stand_side_by_side(iris, task):
    model = task.ensemble(task.network((5,), max_iter=3), n_estimators=3)
    html = html_of(model)
    assert type(model).__name__ in html
    assert "member" not in html
    html = html_of(model.fit(*iris))
    assert [f"member {i}" in html for i in range(4)] == [True, True, True, False]
    output = "3 softmax" if task is LABELS else "1 exp"
    assert len(re.findall(rf"\d+ → 5 relu → {output} · \d+ parameters", html)) == 3


# Links and tooltips


@pytest.fixture
def served(monkeypatch):
    """An address at which the documentation is said to be."""
    address = "https://docs.example/generated"
    monkeypatch.setattr(notebook, "DOCUMENTATION", address)
    return address


def test_documentation_link(served):
    link = f"{served}/sklearn_scratchnn.Net.html"
    assert Net()._get_doc_link() == link
    assert f'href="{link}"' in html_of(Net())


def test_no_link_where_no_documentation_is_served():
    """Better none than one to an address that is not there."""
    assert notebook.DOCUMENTATION == ""
    assert Net()._get_doc_link() == ""
    html = html_of(Net())
    assert "Documentation for" not in html
    assert "href=" not in html


def test_a_class_of_another_package_has_no_link(served):
    class Other(Net):
        _doc_link_module = "sklearn_scratchnn"

    assert Other()._get_doc_link() == ""


@pytest.mark.skipif(
    "doc_link" not in getattr(BaseEstimator, "_get_params_html", str).__doc__,
    reason="scikit-learn's tooltips came with 1.8",
)
@pytest.mark.parametrize("address", ["", "https://docs.example/generated"])
def test_parameter_tooltips(monkeypatch, address):
    """Also where there is nothing to link to."""
    monkeypatch.setattr(notebook, "DOCUMENTATION", address)
    html = html_of(Net())
    assert "hidden_layer_sizes: array-like of shape (n_hidden,)" in html
    assert "Units of each hidden layer." in html
    assert "Strength of the penalty." in html
    link = f"{address}/sklearn_scratchnn.Net.html#:~:text=alpha,-float"
    assert (link in html) == bool(address)
    assert ("href=" in html) == bool(address)
    assert "nowhere" not in html


@pytest.mark.skipif(
    "doc_link" not in getattr(BaseEstimator, "_get_params_html", str).__doc__,
    reason="scikit-learn's tooltips came with 1.8",
)
def test_every_parameter_is_explained(task):
    model = task.network()
    html = html_of(model)
    tooltips = re.findall(r'"param-doc-description"[^>]*>\s*(\w+): .*?<br><br>\S', html)
    assert set(tooltips) == model.get_params().keys()


# The plain representation


def is_plain(html):
    return "Net" in html and "→" not in html and "scratchnn-network" not in html


def test_plain_where_the_box_has_moved(monkeypatch, fitted):
    def gone():
        raise ImportError("_VisualBlock")

    monkeypatch.setattr(notebook, "visual_block_class", gone)
    monkeypatch.setattr(notebook, "unfolded", gone)
    assert is_plain(html_of(fitted))
    assert is_plain(html_of(make_pipeline(StandardScaler(), fitted)))


def test_plain_where_the_box_takes_other_arguments(monkeypatch, fitted):
    monkeypatch.setattr(notebook, "visual_block_class", lambda: lambda kind: kind)
    assert caption(fitted) not in html_of(fitted)
    assert "Net" in html_of(fitted)


@unfolds
def test_plain_where_the_table_has_no_such_method(monkeypatch, fitted):
    monkeypatch.setattr(BaseEstimator, "_get_params_html", lambda self, *args: {"a": 1})
    assert fitted._get_params_html() == {"a": 1}


@pytest.mark.parametrize(
    "params", [{"hidden_layer_sizes": (0,)}, {"activation": ["relu", "relu"]}]
)
def test_plain_for_parameters_that_fit_will_refuse(params):
    assert is_plain(html_of(Net(**params)))


def test_names_are_escaped():
    assert "<em>" not in html_of(Net(activation="<em>"))
    assert "&lt;em&gt;" in unfolded(Net(activation="<em>"))


def test_text_where_diagrams_are_off(fitted):
    with sklearn.config_context(display="text"):
        assert "text/html" not in fitted._repr_mimebundle_()
        assert not hasattr(fitted, "_repr_html_")
    assert fitted._repr_html_() is not None


def test_showing_changes_nothing(fitted):
    before = pickle.dumps(fitted)
    html_of(fitted)
    assert pickle.dumps(fitted) == before
