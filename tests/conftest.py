"""What all tests share."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")  # some draw, and there may be no screen
# Small nets on small tables: a thread pool only slows them down. Here and not in a
# fixture, so that the examples in docstrings have it too.
torch.set_num_threads(1)

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "openml"
DATASETS = Path("org", "openml", "www", "datasets")
# Nothing listens on port 9, so that every connection fails at once, network or not.
NO_NETWORK = dict.fromkeys(["HTTP_PROXY", "HTTPS_PROXY"], "http://127.0.0.1:9")


def contents(folder):
    """What all files below a folder hold."""
    return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A private copy of the OpenML cache of iris and arrhythmia, and no network."""
    if not SHARED.is_dir():
        pytest.skip("no copy of OpenML's tables beside the repository")
    openml = pytest.importorskip("openml")
    for folder in (DATASETS / "5", DATASETS / "61", DATASETS.parent / "tasks" / "59"):
        copy = tmp_path / "cache" / folder
        copy.mkdir(parents=True)
        for file in (SHARED / folder).iterdir():
            shutil.copyfile(file, copy / file.name)
    before = openml.config.get_config_as_dict()["cachedir"]
    openml.config.set_root_cache_directory(tmp_path / "cache")
    for name, value in NO_NETWORK.items():
        monkeypatch.setenv(name, value)
    from tenacity import wait_none

    from benchmarks.data import openml_cache

    monkeypatch.setattr(openml_cache, "WAIT", wait_none())
    yield tmp_path / "cache"
    openml.config.set_root_cache_directory(before)
