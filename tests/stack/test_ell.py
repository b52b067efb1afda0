"""Rows of few values: products and mixtures are those of dense rows."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from skmixup.mixing._core import mix
from skmixup.stack._ell import EllRows


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
    lam = rng.uniform(-0.5, 1.5, (n_members, 1))  # beyond the rows as well
    lam = torch.as_tensor(lam, dtype=torch.float32)
    mixed = X.mix(partner, lam)
    torch.testing.assert_close(dense(mixed), mix(dense(X), dense(partner), lam))
    weight, bias = torch.randn(n_members, 7, 4), torch.randn(n_members, 1, 4)
    out = mixed.matmul(weight, bias, out=torch.empty(n_members, n_rows, 4))
    torch.testing.assert_close(out, torch.baddbmm(bias, dense(mixed), weight))
    grad, found = torch.randn_like(out), torch.full_like(weight, np.nan)
    mixed.transposed_matmul(grad, out=found)
    torch.testing.assert_close(found, dense(mixed).transpose(1, 2) @ grad)
