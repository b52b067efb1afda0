"""However a search is split and spread, its results are the same."""

import subprocess
import sys

import pytest
from joblib import parallel_config

from skmixup import MixupSearchCV

from .helpers import ALPHAS, SHORT, WINE, assert_same_results


@pytest.mark.parametrize(
    "params",
    [
        {"max_members": 4},
        pytest.param({"n_jobs": 2}, marks=pytest.mark.slow),
        {"max_members": 1},
    ],
    ids=str,
)
def test_however_it_is_split(params):
    grid = ALPHAS | {"n_estimators": [1, 2]}
    whole = MixupSearchCV(SHORT, grid, scoring="neg_log_loss").fit(*WINE)
    split = MixupSearchCV(SHORT, grid, scoring="neg_log_loss", **params).fit(*WINE)
    assert_same_results(split.cv_results_, whole.cv_results_)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_stacks_on_a_dask_cluster():
    distributed = pytest.importorskip("distributed")
    whole = MixupSearchCV(SHORT, ALPHAS, scoring="neg_log_loss").fit(*WINE)
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    )
    with cluster, distributed.Client(cluster):
        with parallel_config(backend="dask"):
            spread = MixupSearchCV(
                SHORT, ALPHAS, scoring="neg_log_loss", max_members=5, n_jobs=-1
            ).fit(*WINE)
    assert_same_results(spread.cv_results_, whole.cv_results_)


def peak_of_a_search(max_members):
    """Return the MiB that a search adds to a process at its peak."""
    code = f"""
import numpy as np, torch
from benchmarks.timing.memory import peak_of
from skmixup import MixupClassifier, MixupSearchCV
torch.set_num_threads(1)
rng = np.random.default_rng(0)
X, y = rng.normal(size=(400, 20)), rng.integers(2, size=400)
alone = dict(n_estimators=1, early_stopping=False, dropout=0.0)
clf = MixupClassifier(
    (512, 512), max_epochs=1, batch_size=64, random_state=0, **alone
)
MixupSearchCV(clf, {{"alpha": [0.0]}}, cv=2, refit=False).fit(X, y)
params = {{"cv": 2, "refit": False, "max_members": {max_members}}}
search = MixupSearchCV(clf, {{"alpha": np.linspace(0, 1, 40)}}, **params)
print(peak_of(lambda: search.fit(X, y)))
"""
    run = [sys.executable, "-c", code]
    return float(subprocess.run(run, capture_output=True, check=True).stdout)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_max_members_bounds_the_memory():
    few, many = peak_of_a_search(8), peak_of_a_search(80)
    # 275k weights at 16 bytes, and the batches: about 5 MiB a member.
    assert few < 100
    assert 200 < many < 600
