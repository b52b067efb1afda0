"""
Several labels, several numbers
===============================

One network for several targets of a row: labels that it has or has not, or numbers.
"""

# %%
# Several labels
# --------------
#
# Documents as counts of 40 words, each about some of six topics. y is a matrix of 0 and
# 1. For comparison, each label is told by a logistic regression of its own.
from sklearn.datasets import make_multilabel_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmixup import MixupClassifier

X, y = make_multilabel_classification(
    2000, n_features=40, n_classes=6, n_labels=2, length=30, random_state=0
)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=0)
clf = MixupClassifier(random_state=0).fit(X_train, y_train)
logistic = MultiOutputClassifier(
    make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
).fit(X_train, y_train)
clf.predict_proba(X_test[:3]).round(2)

# %%
# A label's probability is its own, so that a row's need not sum to 1. ``predict`` gives
# a row each label that is more likely than not. The network's probabilities are the
# better ones here; which labels are given is about as right.
import numpy as np

found = {
    "MixupClassifier": clf.predict_proba(X_test),
    "LogisticRegression": np.column_stack(
        [proba[:, 1] for proba in logistic.predict_proba(X_test)]
    ),
}
for name, proba in found.items():
    loss = np.mean([log_loss(y_test[:, k], proba[:, k]) for k in range(6)])
    f1 = f1_score(y_test, proba > 0.5, average="macro")
    print(f"{name:<19} log-loss of a label {loss:.3f}, macro F1 {f1:.3f}")

# %%
# Several numbers
# ---------------
#
# 3,000 days of a plant, and what each yields and costs. The targets are learned
# together, each standardized, and the loss is the mean of theirs.
import pandas as pd

from skmixup import MixupRegressor

rng = np.random.default_rng(0)
n_rows = 3000
days = pd.DataFrame(
    {
        "heat": rng.normal(300, 20, n_rows),
        "stops": rng.poisson(rng.gamma(0.5, 2, n_rows)),
        "ore": rng.choice(["north", "south", "mixed"], n_rows),
        "feed": np.where(rng.random(n_rows) < 0.1, 0, rng.lognormal(4, 0.5, n_rows)),
    }
)
grade = days["ore"].map({"north": 1.2, "south": 0.8, "mixed": 1.0})
peak = np.exp(-(((days["heat"] - 310) / 15) ** 2))
targets = pd.DataFrame(
    {
        "tons": days["feed"] * grade * (0.3 + 0.5 * peak) * 0.9 ** days["stops"],
        "energy": 0.4 * days["heat"] + 0.3 * days["feed"] + 5 * days["stops"],
        "waste": days["feed"] * (0.5 - 0.3 * peak) + 2 * np.sqrt(days["stops"]),
    }
)
targets *= rng.normal(1, 0.05, targets.shape)
X_train, X_test, Y_train, Y_test = train_test_split(
    days, targets, test_size=0.5, random_state=0
)

# %%
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import r2_score

reg = MixupRegressor(random_state=0).fit(X_train, Y_train)
forest = RandomForestRegressor(random_state=0)
forest.fit(pd.get_dummies(X_train), Y_train)
predicted = {
    "MixupRegressor": reg.predict(X_test),
    "RandomForestRegressor": forest.predict(pd.get_dummies(X_test)),
}
pd.DataFrame(
    {
        name: r2_score(Y_test, values, multioutput="raw_values")
        for name, values in predicted.items()
    },
    index=pd.Index(targets.columns, name="R²"),
).round(3)

# %%
# The network is closer than the forest in all three. A tenth of the days have no feed:
# those are the points at the lower left of tons and waste.
import matplotlib.pyplot as plt

fig, axes = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained")
for k, (ax, name) in enumerate(zip(axes, targets.columns, strict=True)):
    ax.plot(Y_test[name], predicted["MixupRegressor"][:, k], ".", markersize=3)
    ax.axline((Y_test[name].mean(),) * 2, slope=1, color="gray", linewidth=0.8)
    ax.set(title=name, xlabel="measured", ylabel="predicted")
