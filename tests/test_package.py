"""The package as a whole: imports run one way, and the public face is documented."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import skmixup

PACKAGE = Path(skmixup.__file__).parent

# Each module may import only from those before it.
ROOMS = ["encoding", "stack", "mixing", "training", "estimators", "search"]
ORDER = """
encoding._checks encoding._columns encoding._bins encoding._scaler encoding._encoder
stack._ell stack._layers stack._mlp stack._losses stack._backprop stack._adamw stack
mixing._core mixing._draws mixing._mixers mixing._cmixup mixing._batch
mixing._real_fake mixing
training._device training._seeds training._splits training._weights
training._global_state training._criteria training._data training._predicts
training._fit_state training._batches training._callbacks training._plan
training._loop training._net training._state training._engine
estimators._calibration estimators._preprocess estimators._targets estimators._base
estimators._classifier estimators._regressor
search._ensemble search._fit_many search._search
_display
""".split()
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE)
FILES.append(PACKAGE / "_display.py")


def module_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imported_from(path):
    """Yield the package's modules that a file names, and the line where it does."""
    here = path.relative_to(PACKAGE).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = here[: len(here) + 1 - node.level]
            yield ".".join([*base, *filter(None, [node.module])]), node.lineno


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_run_one_way(path):
    module = module_of(path)
    if path.name == "__init__.py" and module not in ORDER:
        assert not list(imported_from(path))  # a room's door that shows nothing
        return
    allowed = ORDER[: ORDER.index(module)]
    for other, line in imported_from(path):
        assert other in allowed, (
            f"{path.relative_to(PACKAGE)}, line {line}, must not import from "
            f"skmixup.{other}: imports run from {' to '.join(ROOMS)}"
        )


def test_nothing_is_imported_within_functions():
    """But matplotlib, which not everybody has."""
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        within = [
            node
            for outer in ast.walk(tree)
            if isinstance(outer, ast.FunctionDef)
            for node in ast.walk(outer)
            if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        names = [ast.unparse(node) for node in within]
        assert names in ([], ["import matplotlib.pyplot as plt"]), path


@pytest.mark.parametrize("name", skmixup.__all__)
def test_public_names_are_documented(name):
    assert len(getattr(skmixup, name).__doc__.splitlines()) >= 1
    assert skmixup.__all__ == sorted(skmixup.__all__)


@pytest.mark.slow
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
