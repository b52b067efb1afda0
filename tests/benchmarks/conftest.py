"""What tests of the benchmarks share."""

import shutil
from dataclasses import replace
from functools import partial

import pytest

from benchmarks import uci
from benchmarks.data.suites import SUITES
from benchmarks.data.tables import load_all
from benchmarks.models.protocols import PROTOCOLS
from benchmarks.models.registry import MODELS
from benchmarks.run.jobs import make_jobs
from benchmarks.studies import alpha as widths
from benchmarks.studies import convnets, ordered_classes, sequences
from benchmarks.studies.adversarial import attacks
from benchmarks.studies.defenses import variants
from benchmarks.studies.extrapolation import networks as extrapolation
from benchmarks.studies.gan import __main__ as gan
from benchmarks.studies.gan import training
from benchmarks.studies.label_noise import epoch_curves
from tests.benchmarks.helpers import GOOD, ONE_FOLD, line_of, run_job

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


def pretend(monkeypatch, name, make):
    """Let a model be another one, which may take parameters or none."""

    def make_it(**params):
        try:
            return make(**params)
        except TypeError:
            return make()

    monkeypatch.setitem(MODELS, name, replace(MODELS[name], make=make_it))


def link(path, outside, kind):
    """Make a path a link: to a file, a folder, or to nothing."""
    if kind == "folder":
        outside.mkdir()
    elif kind == "file":
        outside.write_bytes(b"mine\n")
    path.symlink_to(outside)


@pytest.fixture(autouse=True)
def no_results_here(monkeypatch, tmp_path):
    """Let no test leave results in the folder that a user's go to."""
    monkeypatch.setattr(uci, "FOLDER", tmp_path / "results")


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        options = {"executable_path": CHROMIUM, "args": ["--no-sandbox"]}
        browser = playwright.chromium.launch(**options)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def lines():
    return [line_of(row) for row in GOOD]


@pytest.fixture(scope="module")
def iris():
    ((table,), _) = load_all(["iris"])
    return table


@pytest.fixture
def rows(iris):
    jobs = make_jobs(iris, ["dummy"], [], **ONE_FOLD)
    return [run_job(iris, job) for job in jobs]


@pytest.fixture
def quick(monkeypatch):
    """Train for a moment only."""
    monkeypatch.setitem(SUITES, "embedded", ("iris",))
    for params in epoch_curves.WATCHED.values():
        monkeypatch.setitem(params, "max_epochs", 3)
    short = [widths.PARAMS[f"2 x {width}, to the end"] for width in (8, 32)]
    beyond = [kind.params for kind in extrapolation.KINDS.values()]
    also = attacks.PARAMS, variants.SINGLE, PROTOCOLS["default"].mixup
    for params in (*short, *beyond, *also):
        monkeypatch.setitem(params, "max_epochs", 2)
    for name, model in ordered_classes.MODELS.items():
        make = partial(model.make, max_epochs=2)
        monkeypatch.setitem(ordered_classes.MODELS, name, replace(model, make=make))
    short = {"checkpoints": (2, 4), "n_samples": 50}
    monkeypatch.setattr(
        training.train, "__kwdefaults__", training.train.__kwdefaults__ | short
    )
    monkeypatch.setattr(gan, "CHECKPOINTS", (2, 4))
    net = convnets.MixupNet
    monkeypatch.setattr(
        convnets, "MixupNet", lambda *a, **k: net(*a, **k | {"max_epochs": 1})
    )
    monkeypatch.setattr(sequences, "N_ROWS", 200)
