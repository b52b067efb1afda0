"""Wide one-hot tables and CSR: the same as dense rows, without the dense matrix."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse

from skmixup import MixupClassifier

from ..helpers import one_hot_rows

DENSE, Y = one_hot_rows()


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"alpha": 0.0},
        {"lambda_per": "row", "n_estimators": 3, "dropout": 0.2},
        {"early_stopping": True, "label_smoothing": 0.1},
        {"mixing": "manifold"},
        {"mixing": "cutmix"},
        {"mixing": "noise"},
        {"class_weight": {0: 3.5}},
    ],
    ids=str,
)
def test_a_net_learns_the_same_from_csr(params):
    clf = MixupClassifier(preprocess=None, max_epochs=5, random_state=0, **params)
    expected = clf.fit(DENSE, Y).predict_proba(DENSE)
    found = clf.fit(sparse.csr_array(DENSE), Y).predict_proba(sparse.csr_matrix(DENSE))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
    assert abs(expected - 1 / 3).max() > 0.05


def test_many_ell_rows_are_predicted_as_few_are():
    clf = MixupClassifier(preprocess=None, max_epochs=2, random_state=0)
    clf.fit(sparse.csr_array(DENSE), Y)
    many = sparse.csr_array(np.tile(DENSE, (20, 1)))
    np.testing.assert_allclose(
        clf.predict_proba(many)[: len(DENSE)], clf.predict_proba(DENSE), atol=1e-5
    )


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_wide_category_trains_in_little_memory():
    code = """
import numpy as np, pandas as pd, torch
from benchmarks.timing.memory import peak_of
from skmixup import MixupClassifier
torch.set_num_threads(1)
rng = np.random.default_rng(0)
codes = rng.integers(4_000, size=60_000)
X = pd.DataFrame({"x": rng.normal(size=60_000), "c": codes.astype(str)})
y = (rng.normal(size=4_000)[codes] > 0).astype(int)
plain = {"n_estimators": 1, "early_stopping": False, "dropout": 0.0}
clf = MixupClassifier(batch_size=256, max_epochs=3, random_state=0, **plain)
clf.fit(X[:300], y[:300])
peak = peak_of(lambda: clf.fit(X, y).predict(X))
print(clf.score(X, y), peak)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    score, peak = map(float, done.stdout.split())
    assert score > 0.9
    assert peak < 150  # MiB; the dense matrix would take 916
