"""Wide one-hot tables and CSR: the same as dense rows, without the dense matrix."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.model_selection import GridSearchCV

from skmixup import MixupClassifier, MixupSearchCV
from skmixup.mixing._core import mix
from skmixup.stack._ell import EllRows

RNG = np.random.default_rng(0)
N, WIDTH = 300, 400
CODES = RNG.integers(WIDTH - 2, size=N)
DENSE = np.zeros((N, WIDTH), dtype=np.float32)
DENSE[np.arange(N), CODES] = 1
DENSE[:, -2:] = RNG.normal(size=(N, 2))
Y = (CODES % 3 + (DENSE[:, -1] > 1)) % 3


def dense(rows):
    out = torch.zeros(rows.shape)
    return out.scatter_add_(-1, rows.index, rows.value)


@given(st.integers(1, 3), st.integers(1, 6), st.integers(0, 2**31))
def test_products_and_mixtures_are_those_of_dense_rows(n_members, n_rows, seed):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(n_members * n_rows, 7)) * (rng.random((1, 7)) < 0.3)
    matrix[0] = 0  # a row without a value
    X = EllRows.from_csr(sparse.csr_array(matrix.astype(np.float32)))
    rows = torch.as_tensor(rng.permutation(len(X)).reshape(n_members, n_rows))
    X, partner = X.take(rows), X.take(rows.flip(1))
    lam = torch.as_tensor(rng.random((n_members, 1)), dtype=torch.float32)
    mixed = X.mix(partner, lam)
    torch.testing.assert_close(dense(mixed), mix(dense(X), dense(partner), lam))
    weight, bias = torch.randn(n_members, 7, 4), torch.randn(n_members, 1, 4)
    out = mixed.matmul(weight, bias, out=torch.empty(n_members, n_rows, 4))
    torch.testing.assert_close(out, torch.baddbmm(bias, dense(mixed), weight))
    grad, found = torch.randn_like(out), torch.full_like(weight, np.nan)
    mixed.transposed_matmul(grad, out=found)
    torch.testing.assert_close(found, dense(mixed).transpose(1, 2) @ grad)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"alpha": 0.0},
        {"lambda_per": "row", "n_estimators": 3, "dropout": 0.2},
        {"early_stopping": True, "label_smoothing": 0.1},
        {"mixing": "manifold"},
        {"mixing": "cutmix"},
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
        clf.predict_proba(many)[:N], clf.predict_proba(DENSE), atol=1e-5
    )


def test_a_search_over_ell_rows():
    clf = MixupClassifier(preprocess=None, max_epochs=3, random_state=0)
    params = {"param_grid": {"alpha": [0, 0.4]}, "scoring": "neg_log_loss", "cv": 3}
    X = sparse.csr_array(DENSE)
    mine = MixupSearchCV(clf, **params).fit(X, Y).cv_results_
    oracle = GridSearchCV(clf, **params).fit(X, Y).cv_results_
    for name in ("split0_test_score", "mean_test_score"):
        np.testing.assert_allclose(mine[name], oracle[name], atol=1e-5)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_wide_category_trains_in_little_memory():
    code = """
import numpy as np, pandas as pd
from benchmarks.timing.memory import peak_of
from skmixup import MixupClassifier
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
