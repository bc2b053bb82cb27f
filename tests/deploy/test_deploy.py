"""A fitted network in skops files, and the documentation's recipes for MLflow."""

import io
import json
import zipfile
from pathlib import Path

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
        {"numeric_encoding": "piecewise", "n_bins": 4},
        {"alpha": "auto", "adaptive_penalty": True, "calibrate": True},
    ],
    ids=["plain", "validated", "layers", "weighed", "random_state", "numpy"]
    + ["bins", "chosen"],
)
def test_skops_needs_no_other_trust(skops, iris, params):
    X, y = iris
    model = network().set_params(**params).fit(X, y)
    data = skops.dumps(model)
    classifier = "sklearn_scratchnn.classifier.ScratchMLPClassifier"
    assert skops.get_untrusted_types(data=data) == [classifier]
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


@pytest.fixture(scope="module")
def recipes():
    """The blocks of the documentation's page: the first, and those of MLflow."""
    page = Path(__file__).parents[2] / "docs" / "guide" / "deploy.rst"
    if not page.exists():
        pytest.skip("an sdist does not carry docs")
    first, *others = find_snippets(page.read_text(encoding="utf-8"), page.suffix)
    return page, first, [block for block in others if "mlflow" in block.requires]


@pytest.mark.parametrize("number", [0, 1], ids=["after the fit", "by a callback"])
def test_mlflow_recipes_log_every_epoch(recipes, number, mlflow_store):
    mlflow = pytest.importorskip("mlflow")
    page, first, blocks = recipes
    if blocks[number].missing():
        pytest.skip(f"not installed: {blocks[number].missing()}")
    namespace = {"mlflow": mlflow}
    for snippet in (first, blocks[number]):
        run_snippet(snippet, page, namespace)
    model, client = namespace["model"], mlflow.MlflowClient()
    (run,) = client.search_runs(["0"])
    assert run.info.status == "FINISHED"
    assert run.data.metrics.keys() == model.history_.keys() - {"epoch"}
    for name in run.data.metrics:
        logged = client.get_metric_history(run.info.run_id, name)
        assert_array_equal([entry.step for entry in logged], model.history_["epoch"])
        assert_array_equal([entry.value for entry in logged], model.history_[name])
    if number == 0:
        params = {name: str(value) for name, value in model.get_params().items()}
        assert run.data.params == params
        (saved,) = client.search_logged_models(["0"])
        loaded = mlflow.sklearn.load_model(saved.model_uri)
        X = namespace["X_test"]
        assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
