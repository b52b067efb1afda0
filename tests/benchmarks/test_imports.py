"""Imports go one way: who breaks that is named."""

import ast
import subprocess
import sys
from importlib.util import resolve_name
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# A folder may import itself and those that come before it.
FOLDERS = [
    *("output", "data", "models", "run", "compare", "report", "timing"),
    *("studies", "commands"),
]
# So may a module of these folders.
MODULES = {
    "output": ["files", "text"],
    "data": ["suites", "openml_cache", "tables"],
    "models": [
        *("wrappers", "preprocessing", "scoring", "protocols", "registry"),
        *("regressors", "tuned", "semi_supervised"),
    ],
    "run": [
        *("orphans", "metrics", "folds", "jobs", "fit", "measure", "lines"),
        *("schema", "environment", "unit", "progress", "cluster", "runner", "row_file"),
        *("parquet", "results", "cli"),
    ],
    "compare": ["statistics", "pairing", "summary", "findings", "leaderboard"],
    "report": ["figures", "readme_figure", "tables", "page", "__main__"],
    "timing": [
        *("memory", "contest", "floor", "workloads", "tables", "cores", "columns"),
        *("large", "measurements", "report", "sections", "devices"),
    ],
}
SHARED_BY_STUDIES = [
    *("study", "convnets", "compare_alphas", "numeric_targets", "attacking")
]
MODULE_FILES = sorted((ROOT / "benchmarks").rglob("*.py"))


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


NAMES = {name_of(path): path for path in MODULE_FILES}


def imports_of(path, tree=None):
    """The modules of benchmarks that a file imports, each with its statement."""
    package = ".".join(path.relative_to(ROOT).parent.parts)
    for node in ast.walk(tree or ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            longer = [f"{base}.{alias.name}" for alias in node.names]
            names = [name if name in NAMES else base for name in longer]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "benchmarks":
                yield name, node


def place_of(name):
    """A module's folder and its name there; a study's is its file or its folder."""
    parts = name.split(".")[1:]
    if len(parts) < 2:
        return "commands", parts[0] if parts else ""
    return parts[0], parts[1]


@pytest.mark.parametrize("path", MODULE_FILES, ids=name_of)
def test_a_module_imports_what_comes_before_it(path):
    name = name_of(path)
    folder, module = place_of(name)
    for other, node in imports_of(path):
        what = f"{path.relative_to(ROOT)}:{node.lineno} must not import {other}"
        other_folder, other_module = place_of(other)
        assert FOLDERS.index(other_folder) <= FOLDERS.index(folder), what
        if folder != other_folder:
            continue
        if folder == "commands":
            assert other == "benchmarks", what
        elif folder == "studies":
            shared = SHARED_BY_STUDIES
            if module in shared:
                shared = shared[: shared.index(module)]
            allowed = [module, *shared]
            assert other_module in allowed, what
        else:
            order = MODULES[folder]
            assert order.index(other_module) < order.index(module), what


def test_every_module_has_its_place():
    for name in NAMES:
        folder, module = place_of(name)
        if folder in MODULES:
            assert module in MODULES[folder], f"where does {name} stand in its folder?"


@pytest.mark.parametrize("path", MODULE_FILES, ids=name_of)
def test_nothing_of_benchmarks_is_imported_within_a_function(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    for function in (n for n in ast.walk(tree) if isinstance(n, functions)):
        for other, node in imports_of(path, function):
            place = f"{path.relative_to(ROOT)}:{node.lineno}"
            raise AssertionError(f"{place} imports {other} within a function")


IMPORTER = """
import importlib, sys
for name in sys.argv[1:]:
    for other in [n for n in sys.modules if n.split(".")[0] == "benchmarks"]:
        del sys.modules[other]
    try:
        importlib.import_module(name)
    except ImportError as error:
        raise SystemExit(f"{name} can't be imported first: {error}")
"""


@pytest.mark.slow
def test_every_module_can_be_imported_first():
    """A circle shows only from some of its modules."""
    subprocess.run([sys.executable, "-c", IMPORTER, *NAMES], cwd=ROOT, check=True)
