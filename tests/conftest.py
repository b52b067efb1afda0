"""What all tests share."""

import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

os.environ.setdefault("MPLBACKEND", "Agg")  # doctests draw too, with no screen

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "openml"


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Small nets on small tables: a thread pool only slows them down."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
