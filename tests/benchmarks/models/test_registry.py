"""Every model takes any table."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.data.tables import Table
from benchmarks.models import registry
from benchmarks.run.jobs import make_jobs
from tests.benchmarks.helpers import ONE_FOLD, run_job


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name == "ensemble" else [])
        for name in filter(registry.is_installed, registry.MODELS)
    ],
)
def test_every_model_takes_raw_tables(name):
    """Numbers, strings, categories, booleans, missing, all missing, and unseen."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "number": np.where(rng.random(60) < 0.2, np.nan, rng.normal(size=60)),
            "string": rng.choice(["u", "v", None], 60),
            "category": pd.Categorical(rng.choice(["p", "q"], 60), ["p", "q", "r"]),
            "bool": rng.random(60) < 0.5,
            "byte": rng.integers(0, 255, 60).astype(np.uint8),
            "empty": pd.Series([None] * 60, dtype=object),
        }
    )
    X.loc[0, "string"] = "once"
    table = Table("mixed", X, pd.Series(rng.choice(["no", "yes"], 60)))
    alphas = [0.5]
    for job in make_jobs(table, [name], alphas, **ONE_FOLD):
        row = run_job(table, job)
        assert row["status"] == "ok", row["message"]
        assert 0 <= row["error"] <= 1
        assert 0 <= row["train_error"] <= 1
        assert row["n_train"] + row["n_test"] == row["n_rows"] == 60
        assert sum(n_rows for _, _, n_rows, _ in row["reliability"]) == row["n_test"]
