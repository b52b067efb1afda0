"""The package as a whole: imports run one way, and the public face is documented."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import skmixup

PACKAGE = Path(skmixup.__file__).parent

# Each module may import only from those before it.
ORDER = [
    "_checks",
    "_columns",
    "_binning",
    "_encoding",
    "_rows",
    "_calibration",
    "_sparse",
    "_mixing",
    "_modules",
    "_optim",
    "_gradient",
    "_global_state",
    "_targets",
    "_resident",
    "_predicts",
    "_fit_state",
    "_neighbors",
    "_batches",
    "_callbacks",
    "_net",
    "_base",
    "_estimators",
    "_stack",
    "_together",
    "_ensemble",
    "_search",
    "_display",
    "__init__",
]


def imported_from(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            yield node.module


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda p: p.stem)
def test_imports_run_one_way(path):
    allowed = ORDER[: ORDER.index(path.stem)]
    for module in imported_from(path):
        assert module in allowed, f"{path.name} must not import {module}"


@pytest.mark.parametrize("name", skmixup.__all__)
def test_public_names_are_documented(name):
    assert len(getattr(skmixup, name).__doc__.splitlines()) >= 1
    assert skmixup.__all__ == sorted(skmixup.__all__)


def test_the_same_seed_gives_the_same_model_in_another_process():
    code = (
        "from sklearn.datasets import load_iris; from skmixup import MixupClassifier;"
        "import torch; torch.set_num_threads(1);"
        "X, y = load_iris(return_X_y=True);"
        "clf = MixupClassifier(max_epochs=3, dropout=0.1, random_state=0).fit(X, y);"
        "print(clf.predict_proba(X).tobytes().hex())"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert len(runs[0]) > 1000
