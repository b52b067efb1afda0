"""What README.md of the benchmarks shows is true to the code."""

import re
import sys
from importlib import util
from pathlib import Path

import benchmarks
from benchmarks.data.suites import SUITES
from benchmarks.models.registry import MODELS, Model

FOLDER = Path(benchmarks.__file__).parent
TEXT = (FOLDER / "README.md").read_text(encoding="utf-8")


def test_the_study_that_is_shown_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(SUITES, "embedded", ("iris",))
    code = next(
        code
        for code in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
        if "STUDY" in code
    )
    path = tmp_path / "batches.py"
    path.write_text(code)
    name = "benchmarks.studies.batches"
    spec = util.spec_from_file_location(name, path)
    module = util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    monkeypatch.setitem(module.ALONE, "max_epochs", 2)
    out = tmp_path / "out"
    assert module.main(["--folds", "2", "--n-jobs", "1", "--out", str(out)]) == 0
    assert "| batches of 16, to the end |" in (out / "batches.md").read_text()
    assert module.main(["--folds", "2", "--n-jobs", "1", "--out", str(out)]) == 0
    assert "8 of 8 jobs were finished before" in capsys.readouterr().err


def test_all_commands_and_folders_are_there():
    for name in re.findall(r"`python -m ([\w.]+)", TEXT):
        assert util.find_spec(name), name
    folders = set(re.findall(r"^\| `(\w+)/`", TEXT, re.MULTILINE))
    there = {path.parent.name for path in FOLDER.glob("*/__init__.py")}
    assert folders == there


def test_the_entry_that_is_shown_is_like_the_others():
    assert "Model(_extra_trees, cost=0.7)" in TEXT
    assert isinstance(MODELS["forest"], Model) and MODELS["forest"].cost == 0.7
