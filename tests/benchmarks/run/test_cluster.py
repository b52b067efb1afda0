"""Runs on many processes: a Dask cluster, and workers that die."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import uci
from benchmarks.data.suites import SUITES
from benchmarks.data.tables import load_all
from benchmarks.run import cluster as on_dask
from benchmarks.run.jobs import Job, make_jobs
from benchmarks.run.runner import run_units
from benchmarks.run.unit import make_units

ROOT = Path(__file__).resolve().parents[3]
TIMES = dict.fromkeys(["fit_seconds", "predict_seconds"])


def read(folder):
    lines = (folder / "results.jsonl").read_bytes().splitlines()
    return [json.loads(line) for line in lines]


def without_times(rows):
    rows = [row | TIMES for row in rows]
    return sorted(rows, key=lambda row: Job.of(row).name)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_loses_a_worker_and_no_row(tmp_path, monkeypatch):
    """Rows are those of a run on this machine, each of them once."""
    distributed = pytest.importorskip("distributed")
    monkeypatch.setitem(SUITES, "embedded", ("iris", "wine"))
    models = ["mixup", "mlp", "forest", "dummy"]
    arguments = ["--models", *models, "--alphas", "0.5", "--folds", "3"]
    arguments += ["--repeats", "2", "--protocol", "paper"]
    there, here = tmp_path / "there", tmp_path / "here"
    killed = []

    def kill_one(workers):
        path = there / "results.jsonl"
        deadline = time.monotonic() + 60
        while not (path.exists() and path.read_bytes().count(b"\n") >= 5):
            if time.monotonic() > deadline:
                return
            time.sleep(0.01)
        killed.append(workers[0].pid)
        os.kill(workers[0].pid, signal.SIGKILL)

    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        workers = list(cluster.workers.values())
        killer = threading.Thread(target=kill_one, args=(workers,), daemon=True)
        killer.start()
        scheduler = ["--backend", "dask", "--scheduler", cluster.scheduler_address]
        assert uci.main([*arguments, *scheduler, "--out", str(there)]) == 0
        killer.join()
    assert killed
    assert uci.main([*arguments, "--n-jobs", "1", "--out", str(here)]) == 0
    assert len(read(there)) == 2 * 2 * 3 * 5
    assert without_times(read(there)) == without_times(read(here))


@pytest.mark.parametrize(
    "arguments", [["--backend", "dask"], ["--scheduler", "tcp://127.0.0.1:1"]]
)
def test_backend_and_scheduler_go_together(arguments, capsys):
    with pytest.raises(SystemExit):
        uci.main(arguments)
    assert "go together" in capsys.readouterr().err


def test_no_cluster_is_an_error(capsys, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(on_dask, "CLUSTER_TIMEOUT", 1)
    arguments = ["--models", "dummy", "--backend", "dask"]
    assert uci.main([*arguments, "--scheduler", "tcp://127.0.0.1:9"]) == 2
    assert "No Dask cluster at --scheduler tcp://127" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("n_workers", [0, 1], ids=["no worker", "lost"])
def test_a_cluster_of_no_use_is_an_error(tmp_path, monkeypatch, capsys, n_workers):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(on_dask, "CLUSTER_TIMEOUT", 2)
    arguments = ["--models", "forest", "--repeats", "50", "--out", str(tmp_path)]
    with distributed.LocalCluster(
        n_workers=n_workers, host="127.0.0.1", dashboard_address=None
    ) as cluster:

        def lose():
            path = tmp_path / "results.jsonl"
            while not (path.exists() and path.read_bytes()):
                time.sleep(0.01)
            cluster.close()

        loser = threading.Thread(target=lose, daemon=True)
        if n_workers:
            loser.start()
        address = cluster.scheduler_address
        scheduler = ["--backend", "dask", "--scheduler", address]
        assert uci.main([*arguments, *scheduler]) == 2
        if n_workers:
            loser.join()  # two threads that close a cluster at once trip Dask
    said = capsys.readouterr().err
    assert f"at --scheduler {address}" in said
    assert f"the same command goes on from {tmp_path}." in said


class DeadlySplits(dict):
    """Splits that kill the worker that asks for one of them, so many times."""

    def __init__(self, splits, folder, n_times):
        super().__init__(splits)
        self.folder, self.n_times, self.parent = folder, n_times, os.getpid()

    def __reduce__(self):
        return _remake, (dict(self), vars(self))

    def __getitem__(self, place):
        n_deaths = len(list(self.folder.iterdir()))
        is_worker = os.getpid() != self.parent
        if place == (0, 2) and is_worker and n_deaths < self.n_times:
            (self.folder / str(n_deaths)).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(place)


def _remake(splits, attributes):
    new = DeadlySplits.__new__(DeadlySplits)
    new.update(splits)
    vars(new).update(attributes)
    return new


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:A worker stopped")
@pytest.mark.parametrize("n_times", [1, 99])
def test_a_dead_process_costs_its_own_unit_at_most(tmp_path, n_times):
    ((iris,), _) = load_all(["iris"])
    rows = np.arange(150)
    splits = {
        (0, fold): (rows[rows % 6 != fold], rows[rows % 6 == fold]) for fold in range(6)
    }
    table = replace(iris, splits=DeadlySplits(splits, tmp_path, n_times))
    settings = {"protocol": "paper", "folds": 6, "repeats": 1, "seed": 0}
    jobs = make_jobs(table, ["dummy", "logistic"], [], **settings)
    found = [
        outcome.row
        for outcomes in run_units(make_units(table, jobs), n_jobs=2)
        for outcome in outcomes
    ]
    assert sorted(Job.of(row).name for row in found) == sorted(job.name for job in jobs)
    failed = [row for row in found if row["status"] == "failed"]
    assert len(failed) == (0 if n_times == 1 else 2)
    for row in failed:
        assert row["fold"] == 2
        assert "TerminatedWorkerError" in row["message"]


def descendants(pid):
    psutil = pytest.importorskip("psutil")
    return psutil.Process(pid).children(recursive=True)


def run_until(arguments, path, n_lines):
    """Start a script, and wait until its file of results has so many lines."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not (path.exists() and path.read_bytes().count(b"\n") >= n_lines):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    return process


RUNS = {
    "uci": (
        ["-m", "benchmarks.uci", "--models", "mlp", "forest", "--n-jobs", "2"],
        "results.jsonl",
    ),
    # A grid search of scikit-learn's, whose processes are none of the runner's.
    "speed": (
        ["-m", "benchmarks.speed", "--sections", "search", "--quick"],
        "speed.jsonl",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("waits", [True, False], ids=["reaped", "a zombie"])
@pytest.mark.parametrize("name", RUNS)
def test_a_killed_run_leaves_no_process_at_work(tmp_path, name, waits):
    arguments, file = RUNS[name]
    more = ["--repeats", "99", "--out", str(tmp_path)]
    process = run_until([*arguments, *more], tmp_path / file, 3)
    children = descendants(process.pid)
    assert len(children) >= 2
    os.kill(process.pid, signal.SIGKILL)
    if waits:
        process.wait()
    psutil = pytest.importorskip("psutil")
    _, alive = psutil.wait_procs(children, timeout=15)
    try:
        assert not alive
    finally:
        for child in alive:
            child.kill()
        process.wait()
    size = (tmp_path / file).stat().st_size
    time.sleep(0.5)
    assert (tmp_path / file).stat().st_size == size
