"""The documentation has every public name, and its pages are tested."""

import importlib
import re
import tomllib
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[1] / ".docs"
MODULES = [
    "skmixup",
    *(f"skmixup.{m}" for m in ("encoding", "export", "mixing", "search", "stack")),
]
PUBLIC = {
    f"{module}.{name}": getattr(importlib.import_module(module), name)
    for module in MODULES
    for name in importlib.import_module(module).__all__
}


def names_in_reference():
    """Yield the full names that api.rst lists."""
    module, listing = "", False
    for line in (DOCS / "api.rst").read_text(encoding="utf-8").splitlines():
        if found := re.match(r"\.\. currentmodule:: (\S+)", line):
            module = found[1]
        elif found := re.match(r"\.\. data:: (\w+)", line):
            yield f"{module}.{found[1]}"
        elif line.startswith(".. autosummary::"):
            listing = True
        elif listing and (found := re.fullmatch(r" +(\w+)", line)):
            yield f"{module}.{found[1]}"
        elif line and not line.startswith(" "):
            listing = False


REFERENCE = list(names_in_reference())


@pytest.mark.parametrize("name", PUBLIC)
def test_the_reference_has_every_public_name(name):
    listed = [PUBLIC[other] for other in REFERENCE if other in PUBLIC]
    assert any(PUBLIC[name] is thing for thing in listed), f"{name} is not in api.rst"


def test_the_reference_has_each_public_name_once_and_no_other():
    assert sorted(set(REFERENCE)) == sorted(REFERENCE)
    assert set(REFERENCE) <= set(PUBLIC)
    things = [id(PUBLIC[name]) for name in REFERENCE]
    assert len(set(things)) == len(things)


def test_every_example_has_its_place_in_the_gallery():
    conf = (DOCS / "conf.py").read_text(encoding="utf-8")
    examples = {path.name for path in (DOCS / "examples").glob("*.py")}
    assert set(re.findall(r'"(plot_\w+\.py)"', conf)) == examples


def test_pages_refer_to_examples_and_pages_that_are_there():
    for page in [*DOCS.glob("guide/*.rst"), DOCS / "index.rst"]:
        text = page.read_text(encoding="utf-8")
        for name in re.findall(r"sphx_glr_auto_examples_(\w+\.py)", text):
            assert (DOCS / "examples" / name).is_file(), f"{page.name}: {name}"


def test_pages_of_the_guide_are_collected(pytestconfig):
    folders = [
        pytestconfig.rootpath / path for path in pytestconfig.getini("testpaths")
    ]
    assert {DOCS / "guide", DOCS / "index.rst"} <= set(folders)
    assert ".docs/*.rst" in pytestconfig.getoption("doctestglob")


def test_pre_commit_has_the_least_ruff_that_will_do():
    root = DOCS.parent
    extras = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    extras = extras["project"]["optional-dependencies"]["test"]
    least = next(one for one in extras if one.startswith("ruff")).removeprefix("ruff>=")
    hooks = (root / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    rev = re.search(r"ruff-pre-commit\n +rev: v([\d.]+)", hooks)[1]
    assert rev == f"{least}.0"
