"""
Counts, and rates with an exposure
==================================

How many claims a year does an insured driver make? Counts are whole, never below 0, and
noisier where more are expected. ``loss="poisson"`` is made for them. As not every
driver was insured for a whole year, the network predicts claims **per year**, and the
years are the weights.
"""

# %%
# Simulated drivers, so that the true rate is known. The young and the old have more
# claims, and mileage counts more for the young. Most drivers were insured for a part of
# the year: this is their exposure. A claim comes by chance, at the driver's rate.

import numpy as np


def true_rate(age, mileage):
    young = np.exp(-(age - 18) / 10)
    old = np.exp((age - 90) / 10)
    return (0.1 + young + 0.6 * old) * (0.6 + 0.03 * mileage * (1 + young))


def draw(n_rows, seed):
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.uniform(18, 90, n_rows), rng.gamma(3, 5, n_rows)])
    exposure = rng.uniform(0.05, 1, n_rows)
    claims = rng.poisson(exposure * true_rate(*X.T))
    return X, claims, exposure


X, claims, exposure = draw(2000, seed=0)
X_new, claims_new, exposure_new = draw(20_000, seed=1)
print(f"{claims.sum()} claims of {len(X)} drivers, in {exposure.sum():.0f} years")
print(f"drivers without a claim: {np.mean(claims == 0):.2f}")

# %%
# What is predicted is the rate, claims over years, and ``sample_weight`` is the years.
# This is the Poisson likelihood of the claims themselves: the deviance of a rate times
# its years is the deviance of the count. Three models: the linear one, the network, and
# a network that minimises the squared error instead.

from sklearn.linear_model import PoissonRegressor
from sklearn.metrics import mean_poisson_deviance
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_scratchnn import ScratchMLPRegressor

models = {
    "linear, poisson": make_pipeline(StandardScaler(), PoissonRegressor(alpha=1e-3)),
    "network, poisson": ScratchMLPRegressor(loss="poisson", random_state=0),
    "network, squared error": ScratchMLPRegressor(random_state=0),
}
rates = {}
print(f"{'on new drivers':24s} deviance   error of the rate   least rate")
for name, model in models.items():
    years = {"sample_weight": exposure}
    if name.startswith("linear"):
        years = {"poissonregressor__sample_weight": exposure}
    model.fit(X, claims / exposure, **years)
    rates[name] = model.predict(X_new)
    deviance = mean_poisson_deviance(
        claims_new / exposure_new,
        np.maximum(rates[name], 1e-3),
        sample_weight=exposure_new,
    )
    error = np.sqrt(np.mean((rates[name] - true_rate(*X_new.T)) ** 2))
    print(f"{name:24s} {deviance:8.4f} {error:12.4f} {rates[name].min():18.4f}")

truth = true_rate(*X_new.T)
deviance = mean_poisson_deviance(
    claims_new / exposure_new, truth, sample_weight=exposure_new
)
print(f"{'the true rate':24s} {deviance:8.4f} {0:12.4f} {truth.min():18.4f}")

# %%
# A rate is not a count: the claims to expect of a driver are the rate times the years.
# Over all drivers they should sum to those that came.

expected = rates["network, poisson"] * exposure_new
print(f"claims expected {expected.sum():.0f}, claims made {claims_new.sum()}")

# %%
# Left, the rate over the age at a mileage of 15. The linear model can only rise or
# fall. Right, the drivers in ten groups by their predicted rate: claims per year that
# were predicted, against those that came.

import matplotlib.pyplot as plt

plt.style.use("tableau-colorblind10")
figure, (left, right) = plt.subplots(
    1, 2, num="counts", figsize=(10.5, 4), layout="constrained"
)
age = np.linspace(18, 90, 200)
rows = np.column_stack([age, np.full(200, 15.0)])
left.plot(age, true_rate(*rows.T), "k--", linewidth=1, label="true")
looks = [("#998ec3", "s"), ("#b35806", "o"), ("#542788", "^")]
for (name, model), (colour, marker) in zip(models.items(), looks):
    left.plot(age, model.predict(rows), color=colour, label=name)
    group = np.argsort(np.argsort(rates[name])) * 10 // len(X_new)
    years = np.bincount(group, exposure_new)
    predicted = np.bincount(group, rates[name] * exposure_new) / years
    came = np.bincount(group, claims_new) / years
    right.plot(predicted, came, marker, color=colour, label=name)
left.set(xlabel="age", ylabel="claims per year", title="at a mileage of 15")
left.legend()
top = 1.05 * right.get_ylim()[1]
right.plot([0, top], [0, top], "k--", linewidth=0.8)
right.set(
    xlabel="predicted claims per year", ylabel="claims per year that came",
    title="ten groups of drivers",
)
right.legend()

# %%

# sphinx_gallery_start_ignore
# A gallery or a notebook has taken the pictures by now; a script saves them here.
import os
from pathlib import Path

for name in plt.get_figlabels():
    path = Path(os.environ.get("SCRATCHNN_PICTURES", "pictures"), f"{name}.png")
    path.parent.mkdir(parents=True, exist_ok=True)
    plt.figure(name).savefig(path, dpi=120)
    print(f"picture: {path}")
# sphinx_gallery_end_ignore
