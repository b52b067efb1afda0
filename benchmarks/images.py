"""mixup on images: a small convolutional net on scikit-learn's 8 × 8 digits.

``python -m benchmarks.images`` needs no network and takes about a minute.
"""

import sys
from functools import partial

from ._agnostic import make_study
from ._recipes import IMAGES
from ._study import run_study
from ._tables import load_all


def load():
    """Load the digits, whose columns are points of images."""
    return load_all(["digits"])


STUDY = make_study(IMAGES, __doc__.splitlines()[0], "digits as images", load)

main = partial(run_study, STUDY)


if __name__ == "__main__":
    sys.exit(main())
