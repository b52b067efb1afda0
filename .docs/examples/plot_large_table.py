"""
A large table in pieces
=======================

A table that does not fit into memory is read in pieces, and each piece is learned from
by ``partial_fit``.
"""

# %%
# Pieces
# ------
#
# Here a generator draws them; yours reads a file. The rows must come in mixed order,
# since the first piece lays the encoding: medians, bins, the levels of categories.
import numpy as np
import pandas as pd

N_SHOPS = 60
level = np.random.default_rng(1).normal(0, 0.7, N_SHOPS)


def pieces(n_pieces, n_rows=5000, seed=0):
    """Yield tables of orders, and whether each came back."""
    for rng in np.random.default_rng(seed).spawn(n_pieces):
        shop = rng.integers(0, N_SHOPS, n_rows)
        table = pd.DataFrame(
            {
                "shop": [f"shop {number}" for number in shop],
                "n_items": rng.poisson(2, n_rows) + 1,
                "price": rng.lognormal(3, 1, n_rows),
                "discount": np.where(rng.random(n_rows) < 0.7, 0, rng.random(n_rows)),
                "hour": rng.uniform(0, 24, n_rows),
            }
        )
        score = (
            0.6 * (np.log(table["price"]) - 3)
            - 3 * table["discount"]
            + 1.2 * np.sin(2 * np.pi * table["hour"] / 24) * (table["n_items"] > 2)
            + level[shop]
            - 0.5
        )
        yield table, (rng.random(n_rows) < 1 / (1 + np.exp(-score))).astype(int)


X_test, y_test = next(pieces(1, n_rows=20_000, seed=1))

# %%
# One pass
# --------
#
# ``partial_fit`` trains for one epoch on its piece, at a constant learning rate, and
# sets no rows aside: log-loss on rows of your own tells when to stop. The classes are
# named in the first call. Four members rather than eight save time.
from sklearn.metrics import log_loss

from skmixup import MixupClassifier

clf = MixupClassifier(n_estimators=4, lr=1e-3, random_state=0)
n_seen, losses = [], []
for X, y in pieces(20):
    clf.partial_fit(X, y, classes=[0, 1])
    n_seen.append(sum(n_seen[-1:]) + len(X))
    losses.append(log_loss(y_test, clf.predict_proba(X_test)))
print(f"{n_seen[-1]:,} rows, log-loss {losses[-1]:.4f}")

# %%
# Beside it, what ``fit`` makes of as many rows as fit into memory, say the first two
# pieces. It visits them many times, and stops early.
from itertools import islice

first = list(islice(pieces(20), 2))
X_first = pd.concat([X for X, _ in first], ignore_index=True)
y_first = np.concatenate([y for _, y in first])
one_fit = MixupClassifier(n_estimators=4, random_state=0).fit(X_first, y_first)
level_of_fit = log_loss(y_test, one_fit.predict_proba(X_test))
print(f"{len(X_first):,} rows by fit, log-loss {level_of_fit:.4f}")

# %%
# One pass needs some four times as many rows to be as good, and goes on from there.
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.plot(n_seen, losses, "o-", label="partial_fit, one pass")
ax.axhline(
    level_of_fit, color="gray", linestyle="--", label=f"fit on {len(X_first):,} rows"
)
ax.set(xlabel="rows seen", ylabel="log-loss on other rows")
_ = ax.legend()
