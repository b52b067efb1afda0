"""The regressors that stand beside mixup's: all take any table."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score

from benchmarks.models.regressors import REGRESSORS


# What others warn of is theirs.
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", REGRESSORS)
def test_regressors_take_categories_and_what_is_missing(name):
    if not REGRESSORS[name].is_installed:
        pytest.skip(f"{REGRESSORS[name].packages} is not installed")
    rng = np.random.default_rng(0)
    numbers, words = rng.normal(size=300), rng.choice(["a", "b", None], size=300)
    y = 1000 * (numbers + 2 * (words == "a"))
    X = pd.DataFrame({"number": numbers, "word": pd.Series(words, dtype="category")})
    X.loc[::10, "number"] = np.nan
    X.loc[250, "word"] = np.nan
    model = REGRESSORS[name].make(seed=2**31 + 5).fit(X[:200], y[:200])
    predicted = model.predict(X[200:])
    assert predicted.shape == (100,)
    assert r2_score(y[200:], predicted) > 0.7
