"""The package as a whole: imports run one way, and the public face is documented."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import skmixup

PACKAGE = Path(skmixup.__file__).parent

# Each module may import only from those before it.
ROOMS = ["encoding", "stack", "mixing", "training", "estimators", "search", "export"]
ORDER = """
_typing _sklearn _warn
encoding._checks encoding._times encoding._columns encoding._parts encoding._bins
encoding._scaler encoding._encoder encoding._stacking encoding
stack._ell stack._layers stack._embedding stack._periodic stack._mlp stack._losses
stack._backprop stack._adamw stack._kernel stack._compiled stack
mixing._core mixing._draws mixing._mixers mixing._cmixup mixing._batch
mixing._real_fake mixing
training._device training._seeds training._splits training._weights
training._global_state training._criteria training._data training._pseudo_labels
training._predicts training._fit_state training._batches
training._callbacks training._halving
training._plan training._scores training._loop training._net training._state
training._engine training._joint training
estimators._rows_last estimators._calibration estimators._preprocess
estimators._targets estimators._numeric_targets estimators._intervals
estimators._validation estimators._summary estimators._base
estimators._classifier estimators._regressor estimators
search._ensemble search._fit_many search._portfolio search._mixup_ensemble
search._search search
_display
export._graph export._inputs export._encoding export._network export._prediction
export._converters export._onnx export
""".split()
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE)
FILES += sorted(set(PACKAGE.glob("_*.py")) - {PACKAGE / "__init__.py"})


def module_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imported_from(path):
    """Yield the package's modules that a file imports, and the line where it does.

    What is named for type checkers alone is not imported.
    """
    here = path.relative_to(PACKAGE).parts[:-1]
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    for_checkers = {
        node
        for outer in nodes
        if isinstance(outer, ast.If) and ast.unparse(outer.test) == "TYPE_CHECKING"
        for node in ast.walk(outer)
    }
    for node in nodes:
        if node in for_checkers:
            continue
        if isinstance(node, ast.ImportFrom) and node.level:
            base = here[: len(here) + 1 - node.level]
            yield ".".join([*base, *filter(None, [node.module])]), node.lineno


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_run_one_way(path):
    module = module_of(path)
    allowed = ORDER[: ORDER.index(module)]
    for other, line in imported_from(path):
        assert other in allowed, (
            f"{path.relative_to(PACKAGE)}, line {line}, must not import from "
            f"skmixup.{other}: imports run from {' to '.join(ROOMS)}"
        )


def private_names(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
            "sklearn"
        ):
            for name in node.names:
                if name.name.startswith("_") or "._" in node.module:
                    yield f"{node.module}.{name.name}"


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_private_names_of_scikit_learn_come_in_by_one_door(path):
    found = list(private_names(path))
    assert path.name == "_sklearn.py" or not found, f"{path.name}: {found}"


def test_nothing_is_imported_within_functions():
    """But matplotlib and Numba, which not everybody has and which take a while."""
    may = {
        "_display.py": ["import matplotlib.pyplot as plt"],
        "_compiled.py": [
            "from numba import config",
            "from ._kernel import train_members",
        ],
    }
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
        assert names == may.get(path.name, []), path


PUBLIC = [
    (room, name)
    for room in ("", *(f".{room}" for room in ROOMS))
    for name in importlib.import_module(f"skmixup{room}").__all__
]


@pytest.mark.parametrize(("room", "name"), PUBLIC)
def test_public_names_are_documented(room, name):
    module = importlib.import_module(f"skmixup{room}")
    assert name == "MIXERS" or getattr(module, name).__doc__.splitlines()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("fit_together", skmixup.fit_many),
        ("TogetherFit", skmixup.search.FitResult),
        ("CutMix", skmixup.mixing.CutMix),
        ("StackedMLP", skmixup.stack.StackedMLP),
        ("SmoothClipScaler", skmixup.encoding.SmoothClipScaler),
        ("FoldEnsemble", skmixup.search.FoldEnsemble),
    ],
)
def test_old_names_warn_and_are_the_new_ones(old, new):
    with pytest.warns(FutureWarning, match=f"skmixup.{old} is skmixup.*{new.__name__}"):
        assert getattr(skmixup, old) is new


def test_a_name_that_never_was_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'fit_apart'"):
        skmixup.fit_apart  # noqa: B018


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
