"""Tables with texts and gaps."""

import numpy as np
import pandas as pd
import pytest
from tasks import LABELS

CITIES = ["Bonn", "Oslo", "Rome", "Wien", "Zug"]


def table_of(task, n=300, seed=0, gaps=0.1):
    """Numbers, whole numbers and two columns of texts; Wien and Zug are rare."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "age": rng.normal(40, 10, n),
            "city": rng.choice(CITIES, n, p=[0.3, 0.4, 0.28, 0.01, 0.01]),
            "rooms": rng.integers(0, 6, n),
            "sex": rng.choice(["f", "m"], n),
        }
    )
    X.loc[rng.random(n) < gaps, "age"] = np.nan
    X.loc[rng.random(n) < gaps, "city"] = None
    y = np.where((X["age"].fillna(45) > 40) ^ (X["city"] == "Oslo"), "yes", "no")
    noisy = rng.random(n) < 0.1
    y = np.where(noisy, "no", y)
    return X, y if task is LABELS else task.y((y == "yes").astype(int))


@pytest.fixture
def table(task):
    """Return X and y, by the number of rows, a seed, and the share of gaps."""

    def make(n=300, seed=0, gaps=0.1):
        return table_of(task, n, seed, gaps)

    return make
