"""A fitted network in skops files, and the documentation's recipes for MLflow."""

import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tasks import COUNTS, LABELS, NUMBERS, QUANTILES, ROBUST
from test_snippets import find_snippets, run_snippet

from sklearn_scratchnn import deploy

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def network(hidden=(6, 4), task=LABELS, **params):
    given = {"alpha": 0.03, "max_iter": 60, "random_state": 0} | params
    return task.network(hidden, **given)


# skops


@pytest.fixture(scope="module")
def skops():
    return pytest.importorskip("skops.io")


def test_trusted_types_are_this_packages_own():
    names = deploy.SKOPS_TRUSTED_TYPES
    assert names
    assert all(name.startswith("sklearn_scratchnn.") for name in names)


EARLY = {"solver": "adam", "early_stopping": True}
OF_BOTH = {
    "plain": {},
    "layers": {
        "hidden_layer_sizes": (3, 4),
        "activation": ("gelu", "tanh"),
        "alpha": np.e,
    },
    "random_state": {"random_state": np.random.RandomState(0)},
    "numpy": {"learning_rate_init": np.float64(0.01), "max_iter": np.int64(5)},
    "bins": {"numeric_encoding": "piecewise", "n_bins": 4},
}
OF_LABELS = {
    "validated": EARLY | {"scoring": "accuracy"},
    "weighed": {"class_weight": {0: 1.0, 1: 2.0, 2: 1.0}, "random_state": None},
    "balanced": {"class_weight": "balanced"},
    "chosen": {"alpha": "auto", "adaptive_penalty": True, "calibrate": True},
}
OF_NUMBERS = {
    "validated": EARLY | {"scoring": "r2"},
    "chosen": {"alpha": "auto", "adaptive_penalty": True},
}
CASES = {
    "counts": (COUNTS, {}),
    "huber": (ROBUST, {"huber_threshold": np.float64(1.0)}),
    "quantile": (QUANTILES, {"quantile": 0.9}),
} | {
    f"{task.name}-{name}": (task, params)
    for task, own in ((LABELS, OF_LABELS), (NUMBERS, OF_NUMBERS))
    for name, params in (OF_BOTH | own).items()
}


@pytest.mark.parametrize(
    "task, params", CASES.values(), ids=CASES.keys(), indirect=["task"]
)
def test_skops_needs_no_other_trust(skops, iris, task, params):
    X, y = iris
    model = network(task=task).set_params(**params).fit(X, y)
    data, cls = skops.dumps(model), type(model)
    names = [f"{cls.__module__}.{cls.__name__}"]
    assert skops.get_untrusted_types(data=data) == names
    loaded = skops.loads(data, trusted=deploy.SKOPS_TRUSTED_TYPES)
    assert_array_equal(task.answers(loaded, X), task.answers(model, X))
    assert loaded.get_params().keys() == model.get_params().keys()
    assert vars(loaded).keys() == vars(model).keys()


def test_skops_of_an_ensemble(skops, iris, task):
    X, y = iris
    model = task.ensemble(network(task=task), random_state=0).fit(X, y)
    loaded = skops.loads(skops.dumps(model), trusted=deploy.SKOPS_TRUSTED_TYPES)
    assert_array_equal(task.answers(loaded, X), task.answers(model, X))
    assert_array_equal(loaded.doubt(X), model.doubt(X))


def test_skops_of_a_pipeline_and_of_several_columns_of_y(skops, iris, tmp_path, task):
    X, y = iris
    model = make_pipeline(StandardScaler(), network(task=task))
    model.fit(X, np.c_[y == 0, y > 1] * 1)
    skops.dump(model, tmp_path / "model.skops")
    loaded = skops.load(tmp_path / "model.skops", trusted=deploy.SKOPS_TRUSTED_TYPES)
    assert_array_equal(loaded.predict(X), model.predict(X))


def by_skops(model):
    io = pytest.importorskip("skops.io")
    return io.loads(io.dumps(model), trusted=deploy.SKOPS_TRUSTED_TYPES)


def by_pickle(model):
    return pickle.loads(pickle.dumps(model))


@pytest.mark.parametrize("copied", [by_skops, by_pickle])
def test_a_file_of_an_incremental_model_goes_on(iris, copied, task):
    """In the units of y that its first rows had, which later rows have not."""
    X, y = iris
    later = y if task is LABELS else 1000 + 7 * y
    model = network(task=task, solver="adam", random_state=3)
    model.partial_fit(X, y, **task.first(y))
    again = copied(model)
    for each in (model, again):
        each.partial_fit(X, later)
    for W, expected in zip(again.coefs_, model.coefs_):
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
