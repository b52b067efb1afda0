"""Jobs and their names."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.data.tables import Table
from benchmarks.output.files import file_name
from benchmarks.run.jobs import Job, make_jobs
from tests.benchmarks.helpers import ONE_FOLD


def test_names_that_will_do_are_kept():
    job = Job("page-blocks", 30, "mixup", 0.4, "default", 5, 0, 3, 0)
    assert job.name == "page-blocks-30-mixup-0.4-default-5-0-3-0"
    assert file_name("jungle_chess.v2") == "jungle_chess.v2"


def test_erm_is_run_once_whatever_the_variants(iris):
    jobs = make_jobs(iris, ["mixup", "manifold", "cutmix"], [0.0, 0.5], **ONE_FOLD)
    found = sorted({(job.model, job.alpha) for job in jobs})
    assert found == [("cutmix", 0.5), ("manifold", 0.5), ("mixup", 0.0), ("mixup", 0.5)]
    for alphas in ([0.0], [0.0, 0.5]):
        jobs = make_jobs(iris, ["cutmix"], alphas, **ONE_FOLD)
        found = [(job.model, job.alpha) for job in jobs if job.fold == 0]
        assert found == [("mixup", 0.0), ("cutmix", 0.5)][: len(alphas)]


def test_only_networks_have_a_protocol(iris):
    """So that two protocols in one folder share the other models' rows."""
    jobs = make_jobs(iris, ["mlp", "forest"], [], **ONE_FOLD)
    assert {(job.model, job.protocol) for job in jobs} == {
        ("mlp", "paper"),
        ("forest", None),
    }


@pytest.mark.parametrize(
    ("n_rows", "repeats"), [(1, 10), (500, 10), (501, 10), (1000, 5), (9999, 1)]
)
def test_small_tables_are_repeated_more_often(n_rows, repeats):
    table = Table("t", pd.DataFrame({"x": np.zeros(n_rows)}), pd.Series([0] * n_rows))
    jobs = make_jobs(table, ["dummy"], [], **ONE_FOLD | {"repeats": "auto"})
    assert len(jobs) == 3 * repeats
