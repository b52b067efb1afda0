"""
The curve of α
==============

How much to mix is a matter of the table and of the training. One
:class:`~skmixup.MixupSearchCV` tries many α's, all folds of all of them in one stack of
networks, and :class:`~skmixup.AlphaCurveDisplay` draws what it found.
"""

# %%
# Two ways to train
# -----------------
#
# A single network that is trained to the end on all rows, and the default: eight
# members, each stopped early on a fold of its own, and averaged. The table is breast
# cancer, 569 rows of 30 numbers.
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import StratifiedKFold

from skmixup import MixupClassifier, MixupSearchCV

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
alone = MixupClassifier(n_estimators=1, early_stopping=False, random_state=0)
members = MixupClassifier(random_state=0)
grid = {"alpha": [0, 0.05, 0.2, 1, 4]}
folds = StratifiedKFold(3, shuffle=True, random_state=0)

searches = {
    name: MixupSearchCV(clf, grid, scoring="neg_log_loss", cv=folds).fit(X, y)
    for name, clf in [
        ("one network, to the end", alone),
        ("eight, stopped early", members),
    ]
}

# %%
# α = 0 is plain training, which belongs in every grid. Its level is the dashed line. To
# the single network mixing is worth a lot: at α = 0.05 it has less than half the
# log-loss of plain training. Of the members that stop early, the log-loss rises slowly
# with α: on this table the best is not to mix.
import matplotlib.pyplot as plt

from skmixup import AlphaCurveDisplay

fig, ax = plt.subplots(figsize=(6.5, 4.5), layout="constrained")
for name, search in searches.items():
    AlphaCurveDisplay.from_search(search, ax=ax, name=name)

# %%
# The numbers behind the curves:
import pandas as pd

pd.DataFrame(
    {name: -search.cv_results_["mean_test_score"] for name, search in searches.items()},
    index=pd.Index(grid["alpha"], name="alpha"),
).round(3)
