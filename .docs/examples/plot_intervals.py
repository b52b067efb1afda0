"""
Numbers with intervals
======================

How far off may a prediction be? :class:`~skmixup.MixupRegressor` answers by intervals
around its predictions, by quantiles that it learns, and by both together.
"""

# %%
# A table with heavy tails
# ------------------------
#
# What 4,000 repairs cost. The spread grows with the cost, and a few are very dear.
import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

rng = np.random.default_rng(0)
n_rows = 4000
repairs = pd.DataFrame(
    {
        "age": rng.gamma(2, 3, n_rows).clip(0, 30).round(1),
        "n_before": rng.poisson(rng.gamma(0.5, 2, n_rows)),
        "mileage": np.where(
            rng.random(n_rows) < 0.05, 0, rng.lognormal(4, 0.7, n_rows)
        ),
        "kind": rng.choice(["body", "brakes", "engine"], n_rows, p=[0.5, 0.3, 0.2]),
    }
)
base = repairs["kind"].map({"body": 5.2, "brakes": 5.0, "engine": 6.3})
middle = base + 0.08 * repairs["age"] + 0.15 * np.sqrt(repairs["n_before"])
spread = 0.15 + 0.04 * repairs["age"]
cost = np.exp(middle + spread * rng.standard_t(5, n_rows).clip(-4, 4))
X_train, X_test, y_train, y_test = train_test_split(
    repairs, cost, test_size=0.5, random_state=0
)

# %%
# Intervals around the mean
# -------------------------
#
# Each member has set rows aside. What it missed on these tells how wide an interval
# must be to hold 90 % of later rows. All are as wide.
from skmixup import MixupRegressor

reg = MixupRegressor(random_state=0).fit(X_train, y_train)
around = reg.predict_interval(X_test, confidence_level=0.9)

# %%
# Quantiles
# ---------
#
# With ``loss="quantile"`` the networks learn quantiles of the target in place of its
# mean, here three at once.
quantiles = MixupRegressor(
    loss="quantile", quantile=[0.05, 0.5, 0.95], random_state=0
).fit(X_train, y_train)
low, median, high = quantiles.predict(X_test).T

# %%
# Both
# ----
#
# ``predict_interval`` of these networks moves the outer quantiles until, together, they
# have held 90 % of the rows set aside.
moved = quantiles.predict_interval(X_test, confidence_level=0.9)

# %%
# How many test rows lie within, also of the cheaper and of the dearer half by the
# predicted median, and how wide the intervals are.
found = {"around the mean": around.T, "quantiles": (low, high), "both": moved.T}
dear = median > np.median(median)
rows = {}
for name, (lower, upper) in found.items():
    within = (y_test >= lower) & (y_test <= upper)
    rows[name] = {
        "within": within.mean(),
        "of the cheaper": within[~dear].mean(),
        "of the dearer": within[dear].mean(),
        "mean width": np.mean(upper - lower),
    }
pd.DataFrame(rows).T.round(3)

# %%
# All three hold about 90 % of the rows. But intervals of one width are too wide for
# cheap repairs, of which they hold nearly all and begin below 0, and too narrow for
# dear ones. Those of quantiles follow the spread, and hold nearly as many of either
# half.
import matplotlib.pyplot as plt

fig, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
order = np.argsort(median)[::10]
at = np.arange(len(order))
for ax, name in zip(axes, ["around the mean", "both"], strict=True):
    lower, upper = (end[order] for end in found[name])
    ax.fill_between(at, lower, upper, alpha=0.3, label="90 % interval")
    ax.plot(at, y_test.to_numpy()[order], ".", markersize=4, label="cost")
    ax.set(title=name, xlabel="repairs, by predicted median", ylim=(-500, 5000))
axes[0].set(ylabel="cost")
_ = axes[0].legend(loc="upper left")
