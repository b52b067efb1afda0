"""mixup on sequences: a 1-D convolutional net on Breiman's waveforms.

UCI has them as "Waveform Database Generator (Version 1)"; here they are drawn anew.
``python -m benchmarks.studies.sequences`` needs no network and takes about a minute.
"""

import sys
from functools import partial

import numpy as np
import pandas as pd

from ..data.tables import Table
from .compare_alphas import make_study
from .study import run_study

N_ROWS, N_POINTS = 5000, 21  # UCI's own


def waveforms(n_rows, seed):
    """Draw waveforms: two of three triangles in random shares, plus standard noise.

    Parameters
    ----------
    n_rows : int
    seed : int

    Returns
    -------
    X : ndarray of float32 of shape (n_rows, 21)
    y : ndarray of int of shape (n_rows,)
        Which pair of triangles. No rule has an error below about 14 %.

    References
    ----------
    Breiman, Friedman, Olshen and Stone, "Classification and Regression Trees", 1984,
    section 2.6.2.
    """
    rng = np.random.default_rng(seed)
    peaks = np.array([7, 15, 11])[:, None]
    triangles = np.maximum(6 - np.abs(np.arange(1, N_POINTS + 1) - peaks), 0)
    first, second = np.array([(0, 1), (0, 2), (1, 2)]).T
    y, share = rng.integers(3, size=n_rows), rng.random((n_rows, 1))
    clean = share * triangles[first[y]] + (1 - share) * triangles[second[y]]
    return (clean + rng.standard_normal(clean.shape)).astype(np.float32), y


def load():
    """Draw waveforms, whose columns are points in time."""
    X, y = waveforms(N_ROWS, seed=0)
    return [Table("waveforms", pd.DataFrame(X), pd.Series(y))], {}


STUDY = make_study("sequences", __doc__.splitlines()[0], "waveforms", load)

main = partial(run_study, STUDY)


if __name__ == "__main__":
    sys.exit(main())
