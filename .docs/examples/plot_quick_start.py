"""
Quick start on a messy table
============================

A table as it comes from a database: numbers with gaps, zeros and heavy tails, counts,
categories of few and of many levels, dates, an id. It goes into
:class:`~skmixup.MixupClassifier` as it is.
"""

# %%
# The table
# ---------
#
# 4,000 customers, and whether they left. It is drawn here, so that nothing has to be
# downloaded.
import numpy as np
import pandas as pd

rng = np.random.default_rng(0)
n_rows = 4000
city = rng.zipf(1.4, n_rows) % 150
table = pd.DataFrame(
    {
        "customer": [f"C-{number:05d}" for number in rng.permutation(n_rows)],
        "city": pd.Categorical([f"city {number}" for number in city]),
        "plan": rng.choice(["basic", "plus", "pro"], n_rows, p=[0.6, 0.3, 0.1]),
        "n_calls": rng.poisson(rng.gamma(0.5, 4, n_rows)),
        "spent": np.where(rng.random(n_rows) < 0.4, 0, rng.lognormal(3, 1.5, n_rows)),
        "age": rng.normal(45, 15, n_rows).clip(18, 90).round(),
        "since": pd.Timestamp("2020-01-01")
        + pd.to_timedelta(rng.integers(0, 1500, n_rows), unit="D"),
        "is_member": rng.random(n_rows) < 0.3,
    }
)
score = (
    0.5 * np.log1p(table["n_calls"])
    - 0.25 * np.log1p(table["spent"])
    + 0.02 * np.abs(table["age"] - 45)
    + (table["plan"] == "basic") * 0.8
    + rng.normal(0, 0.8, 150)[city]
    + np.sin(2 * np.pi * table["since"].dt.day_of_year / 365)
    - 1
)
left = np.where(rng.random(n_rows) < 1 / (1 + np.exp(-score)), "left", "stayed")
table.loc[rng.random(n_rows) < 0.2, "age"] = np.nan
table.loc[rng.random(n_rows) < 0.1, "plan"] = None
table.head()

# %%
# Fit and predict
# ---------------
#
# There is nothing to prepare but to drop the id. Left in, ``customer`` would be ignored
# with a warning, since it is text that differs in every row.
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split

from skmixup import MixupClassifier

X_train, X_test, y_train, y_test = train_test_split(
    table.drop(columns="customer"), left, test_size=0.5, stratify=left, random_state=0
)
clf = MixupClassifier(random_state=0).fit(X_train, y_train)
clf.predict_proba(X_test[:3]).round(3)

# %%
# The encoder tells what it made of the columns. ``city`` has more than 32 levels: the
# networks learn a vector of 8 numbers for each. ``since`` has become a trend, and a
# position in the year, the month and the week.
encoder = clf.encoder_
names = encoder.feature_names_in_
print("categories:", names[encoder.categorical_mask_].tolist())
print("of these embedded:", names[encoder.embedded_columns_].tolist())
print("dates:", names[encoder.time_mask_].tolist())
print("numbers told by waves, those of the date among them:", clf.n_periodic_)

# %%
# Beside boosted trees
# --------------------
#
# :class:`~sklearn.ensemble.HistGradientBoostingClassifier` takes such tables too, if
# dates are numbers and text is categories.
from sklearn.ensemble import HistGradientBoostingClassifier


def for_trees(X):
    """Return the table with dates as days, and text as categories."""
    days = (X["since"] - pd.Timestamp("2020-01-01")).dt.days
    plan = pd.Categorical(X["plan"], categories=["basic", "plus", "pro"])
    return X.assign(since=days, plan=plan)


trees = HistGradientBoostingClassifier(random_state=0)
_ = trees.fit(for_trees(X_train), y_train)
found = {
    "MixupClassifier": clf.predict_proba(X_test),
    "HistGradientBoosting": trees.predict_proba(for_trees(X_test)),
}
for name, proba in found.items():
    error = 1 - accuracy_score(y_test, clf.classes_[proba.argmax(1)])
    print(f"{name:<21} log-loss {log_loss(y_test, proba):.3f}, error {error:.1%}")

# %%
# Both as they come, the network has the lower log-loss here. This table is drawn from a
# smooth function, which suits networks: on a table of yours, compare.
#
# Are the probabilities right? Of those of whom it says 30 %, 30 % should have left. The
# trees are too sure at both ends, the network hardly.
import matplotlib.pyplot as plt
from sklearn.calibration import CalibrationDisplay

fig, ax = plt.subplots(figsize=(5, 5), layout="constrained")
for name, proba in found.items():
    CalibrationDisplay.from_predictions(
        y_test, proba[:, 0], pos_label="left", n_bins=8, name=name, ax=ax
    )
_ = ax.set(xlabel="predicted probability of leaving", ylabel="share that left")
