"""Annotations: of all that is public, of what is allowed, and for type checkers."""

import importlib
import inspect
import os
import runpy
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

import pytest
from sklearn.utils._param_validation import StrOptions

import skmixup
from skmixup._typing import Activation, MixingName
from skmixup.mixing import MIXERS
from skmixup.stack._layers import ACTIVATIONS

SCRIPT = Path(__file__).with_name("user_script.py")
MODULES = ["", ".mixing", ".stack", ".encoding", ".search", ".export"]
PUBLIC = {
    f"{module}.{name}": getattr(importlib.import_module(f"skmixup{module}"), name)
    for module in MODULES
    for name in importlib.import_module(f"skmixup{module}").__all__
    if name != "MIXERS"
}
ESTIMATORS = [
    kind for kind in PUBLIC.values() if hasattr(kind, "_parameter_constraints")
]


def functions_of(thing):
    """Yield the functions that a public name stands for, or that its class defines."""
    if not isinstance(thing, type):
        yield thing
        return
    for kind in thing.__mro__:
        for name, value in vars(kind).items():
            public = not name.startswith("_") or name == "__init__"
            value = value.fget if isinstance(value, property) else value
            value = getattr(value, "__func__", value)
            if kind.__module__.startswith("skmixup") and public:
                if inspect.isfunction(value):
                    yield value


@pytest.mark.parametrize("name", PUBLIC)
def test_public_functions_are_annotated(name):
    for function in functions_of(PUBLIC[name]):
        signature = inspect.signature(function)
        assert signature.return_annotation is not signature.empty, function
        for parameter in signature.parameters.values():
            assert (
                parameter.name in ("self", "cls")
                or parameter.annotation is not parameter.empty
            ), f"{function.__qualname__}: {parameter}"


def literals(hint):
    """Return the text that an annotation allows by name."""
    if get_origin(hint) is Literal:
        return set(get_args(hint))
    return set().union(*map(literals, get_args(hint)))


@pytest.mark.parametrize("kind", ESTIMATORS, ids=lambda kind: kind.__name__)
def test_what_annotations_allow_is_allowed(kind):
    hints = get_type_hints(kind.__init__)
    checked = 0
    for name, constraints in kind._parameter_constraints.items():
        options = [own.options for own in constraints if isinstance(own, StrOptions)]
        if name in hints and literals(hints[name]):
            assert literals(hints[name]) == set().union(*options), name
            checked += 1
    assert checked or kind.__name__ in ("SmoothClipScaler", "StackingTransformer")


def test_annotations_name_all_mixers_and_activations():
    assert set(get_args(MixingName)) == set(MIXERS)
    assert set(get_args(Activation)) == set(ACTIVATIONS)


def test_the_package_says_that_it_is_typed():
    assert files(skmixup).joinpath("py.typed").is_file()


@pytest.mark.slow
def test_a_users_script_runs():
    runpy.run_path(str(SCRIPT), run_name="__main__")


@pytest.mark.slow
@pytest.mark.parametrize("without", ["sklearn", "pandas,scipy"])
def test_a_users_script_passes_a_strict_type_checker(without, tmp_path):
    """With no settings, where scikit-learn, and maybe others, have no annotations."""
    config = tmp_path / "mypy.ini"
    modules = ",".join(f"{name}.*" for name in without.split(","))
    config.write_text(f"[mypy]\n[mypy-{modules}]\nfollow_imports = skip\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports"]
    command += ["--config-file", str(config), "--cache-dir", str(tmp_path), str(SCRIPT)]
    env = os.environ | {"MYPYPATH": str(SCRIPT.parents[2])}  # not an installed one
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=env)
    assert run.returncode == 0, run.stdout + run.stderr
