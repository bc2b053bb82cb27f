"""A fitted network in skops files, and the documentation's recipes for MLflow."""

import io
import json
import sys
import zipfile
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_snippets import find_snippets, run_snippet

from sklearn_scratchnn import ScratchMLPClassifier, deploy

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def network(hidden=(6, 4), **params):
    params = {"alpha": 0.03, "max_iter": 60, "random_state": 0} | params
    return ScratchMLPClassifier(hidden, **params)


# skops


@pytest.fixture(scope="module")
def skops():
    return pytest.importorskip("skops.io")


def test_trusted_types_are_this_packages_own():
    names = deploy.SKOPS_TRUSTED_TYPES
    assert names
    assert all(name.startswith("sklearn_scratchnn.") for name in names)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"solver": "adam", "early_stopping": True, "scoring": "accuracy"},
        {"hidden_layer_sizes": (3, 4), "activation": ("gelu", "tanh"), "alpha": np.e},
        {"class_weight": {0: 1.0, 1: 2.0, 2: 1.0}, "random_state": None},
        {"class_weight": "balanced", "random_state": np.random.RandomState(0)},
        {"learning_rate_init": np.float64(0.01), "max_iter": np.int64(5)},
    ],
    ids=["plain", "validated", "layers", "weighed", "random_state", "numpy"],
)
def test_skops_needs_no_other_trust(skops, iris, params):
    X, y = iris
    model = network().set_params(**params).fit(X, y)
    data = skops.dumps(model)
    assert skops.get_untrusted_types(data=data) == deploy.SKOPS_TRUSTED_TYPES
    loaded = skops.loads(data, trusted=deploy.SKOPS_TRUSTED_TYPES)
    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert loaded.get_params().keys() == model.get_params().keys()
    assert vars(loaded).keys() == vars(model).keys()


def test_skops_of_a_pipeline_and_of_several_labels(skops, iris, tmp_path):
    X, y = iris
    model = make_pipeline(StandardScaler(), network()).fit(X, np.c_[y == 0, y > 1] * 1)
    skops.dump(model, tmp_path / "model.skops")
    loaded = skops.load(tmp_path / "model.skops", trusted=deploy.SKOPS_TRUSTED_TYPES)
    assert_array_equal(loaded.predict(X), model.predict(X))


def test_skops_of_an_incremental_model_goes_on(skops, iris):
    X, y = iris
    model = network(solver="adam", random_state=3)
    model.partial_fit(X, y, classes=[0, 1, 2])
    loaded = skops.loads(skops.dumps(model), trusted=deploy.SKOPS_TRUSTED_TYPES)
    model.partial_fit(X, y)
    loaded.partial_fit(X, y)
    for W, expected in zip(loaded.coefs_, model.coefs_):
        assert_array_equal(W, expected)


def rewritten(data, change):
    """Return a skops file with its schema changed."""
    source, target = zipfile.ZipFile(io.BytesIO(data)), io.BytesIO()
    with zipfile.ZipFile(target, "w") as copied:
        for name in source.namelist():
            content = source.read(name)
            if name == "schema.json":
                schema = json.loads(content)
                change(schema)
                content = json.dumps(schema)
            copied.writestr(name, content)
    return target.getvalue()


def as_system_call(schema):
    schema.update(__class__="system", __module__="os", __loader__="FunctionNode")
    schema["content"] = {"function": "system", "module_path": "os"}


def as_another_class(schema):
    schema.update(__class__="Popen", __module__="subprocess")


def with_a_function_inside(schema):
    schema["content"]["content"]["scoring"] = {
        "__class__": "system",
        "__module__": "os",
        "__loader__": "FunctionNode",
        "__id__": 0,
        "content": {"function": "system", "module_path": "os"},
    }


@pytest.mark.parametrize(
    "change", [as_system_call, as_another_class, with_a_function_inside]
)
def test_skops_refuses_a_tampered_file(skops, iris, change):
    from skops.io.exceptions import UntrustedTypesFoundException

    data = skops.dumps(network().fit(*iris))
    same = rewritten(data, lambda schema: None)
    skops.loads(same, trusted=deploy.SKOPS_TRUSTED_TYPES)
    with pytest.raises(UntrustedTypesFoundException, match="os.system|Popen"):
        skops.loads(rewritten(data, change), trusted=deploy.SKOPS_TRUSTED_TYPES)


def test_skops_refuses_changed_weights(skops, iris):
    model = network().fit(*iris)
    data = skops.dumps(model)
    weights = model.coefs_[0].tobytes()
    assert data.count(weights) == 1
    damaged = data.replace(weights, weights[:-1] + bytes([weights[-1] ^ 1]))
    with pytest.raises(zipfile.BadZipFile, match="CRC"):
        skops.loads(damaged, trusted=deploy.SKOPS_TRUSTED_TYPES)


def test_skops_refuses_a_model_without_trust(skops, iris):
    from skops.io.exceptions import UntrustedTypesFoundException

    with pytest.raises(UntrustedTypesFoundException, match="ScratchMLPClassifier"):
        skops.loads(skops.dumps(network().fit(*iris)))


# MLflow


class StandInForMLflow:
    """Keeps what is logged, with MLflow's names."""

    def __init__(self):
        self.params, self.metrics, self.models = {}, [], []
        self.sklearn = SimpleNamespace(log_model=self._log_model)
        self.log_params = self.params.update

    @contextmanager
    def start_run(self):
        yield

    def active_run(self):
        return SimpleNamespace(info=SimpleNamespace(run_id="7"))

    def log_metrics(self, metrics, step=None, run_id="7"):
        assert all(type(value) is float for value in metrics.values())
        assert (type(step), run_id) == (int, "7")
        self.metrics.append((step, metrics))

    def _log_model(self, model, name, input_example):
        self.models.append((model, name))


def test_mlflow_recipes_log_every_epoch(monkeypatch):
    page = Path(__file__).parents[1] / "docs" / "guide" / "deploy.rst"
    if not page.exists():
        pytest.skip("an sdist does not carry docs")
    snippets = find_snippets(page.read_text(encoding="utf-8"), page.suffix)
    after_the_fit, by_callback = (s for s in snippets if s.requires == ("mlflow",))
    namespace = {}
    run_snippet(snippets[0], page, namespace)
    for snippet in (after_the_fit, by_callback):
        if snippet is by_callback:
            pytest.importorskip("sklearn.callback")
        logged = StandInForMLflow()
        monkeypatch.setitem(sys.modules, "mlflow", logged)
        namespace["mlflow"] = logged
        run_snippet(snippet, page, namespace)
        history = namespace["model"].history_
        assert [step for step, _ in logged.metrics] == history["epoch"].tolist()
        for name in history.keys() - {"epoch"}:
            values = [metrics[name] for _, metrics in logged.metrics]
            assert_array_equal(values, history[name])
        if snippet is after_the_fit:
            assert logged.params == namespace["model"].get_params()
            assert logged.models == [(namespace["model"], "model")]
