"""What tests and the examples in docstrings share."""

import os

import pytest
import torch

os.environ.setdefault("MPLBACKEND", "Agg")  # some draw, and there may be no screen


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Small nets on small tables: a thread pool only slows them down."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
