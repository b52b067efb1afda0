"""What tests of the benchmarks share."""

import shutil
from dataclasses import replace

import pytest

from benchmarks.models.registry import MODELS

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
