"""mixup on images: a small convolutional net on scikit-learn's 8 × 8 digits.

``python -m benchmarks.studies.images`` needs no network and takes about a minute.
"""

import sys
from functools import partial

from ..data.tables import load_all
from .compare_alphas import make_study
from .study import run_study


def load():
    """Load the digits, whose columns are points of images."""
    return load_all(["digits"])


STUDY = make_study("images", __doc__.splitlines()[0], "digits as images", load)

main = partial(run_study, STUDY)


if __name__ == "__main__":
    sys.exit(main())
