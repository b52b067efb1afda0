"""What tests of several modules of the benchmarks share."""

import importlib
import json
import math
import unicodedata
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.data.tables import Table
from benchmarks.models import registry
from benchmarks.run.jobs import Job
from benchmarks.run.results import read_rows
from benchmarks.run.unit import Unit, run_unit
from benchmarks.studies import (
    alpha,
    halving,
    images,
    intervals,
    ordered_classes,
    regression,
    sequences,
    unlabeled,
)
from benchmarks.studies.adversarial import __main__ as adversarial
from benchmarks.studies.defaults import __main__ as defaults
from benchmarks.studies.defenses import __main__ as defenses
from benchmarks.studies.defenses.attacks import FIELDS as ATTACK_ERRORS
from benchmarks.studies.extrapolation import __main__ as extrapolation
from benchmarks.studies.gan.training import SCHEMA as GANS
from benchmarks.studies.label_noise import __main__ as label_noise

KEPT = Path(__file__).resolve().parents[2] / "benchmarks" / "results"


GOOD = read_rows(KEPT / "embedded")[::7]  # of all four tables, mixup and mlp


N = len(GOOD)


AT = {"first": 0, "middle": N // 2, "last": N - 1}


def line_of(row):
    return json.dumps(row).encode()


def change(**values):
    return lambda row: line_of(row | values)


def cut(row):
    return line_of(row)[:-40]


def raw(row, number):
    """Write a number for the alpha chosen as it is."""
    return line_of(row | {"chosen_alpha": 0.123}).replace(b"0.123", number)


DAMAGE = {
    "deep": lambda row: b"[" * 100_000,
    "deep in a field": lambda row: line_of(row)[:-1] + b',"x":' + b"[" * 10**5 + b"}",
    "deep, whole": lambda row: b"[" * 600 + b"]" * 600,
    "cut": cut,
    "no text": lambda row: b"\xff\xfe\x00\x01",
    "zeros": lambda row: b"\x00" * 4096,
    "a list": lambda row: line_of([row]),
    "null": lambda row: b"null",
    "a number": lambda row: b"3",
    "two rows": lambda row: line_of(row) + line_of(row),
    "no field": lambda row: b"{}",
    "null name": change(table=None),
    "number name": change(table=7),
    "list name": change(table=["a"]),
    "surrogate name": change(table="a\ud800"),
    "surrogate message": change(message="\udfff"),
    "surrogate field": lambda row: line_of(row | {"\ud800": 1}),
    "huge fold": change(fold=10**30),
    "huge digits": lambda row: line_of(row)[:-1] + b',"n_test":' + b"9" * 5000 + b"}",
    "huge score": change(log_loss=10**400),
    "huge rows": change(n_rows=2**63),
    "negative fold": change(fold=-1),
    "fold of others": change(fold=5),
    "fractional fold": change(fold=0.5),
    "true fold": change(fold=True),
    "text for a fold": change(fold="0"),
    "text for a score": change(error="0.1"),
    "list for a score": change(error=[0.1]),
    "NaN": change(error=math.nan),
    "Infinity": change(log_loss=math.inf),
    "-Infinity": change(fit_seconds=-math.inf),
    "1e999": lambda row: line_of(row | {"log_loss": 0.123}).replace(b"0.123", b"1e999"),
    "error above 1": change(error=1.5),
    "no alpha": change(model="mixup", alpha=None),
    "an alpha of none": change(model="mlp", alpha=0.1),
    "NaN alpha": change(alpha=math.nan),
    "text alpha": change(alpha="0.1"),
    "huge alpha": change(model="mixup", alpha=10**400),
    "large alpha": change(model="mixup", alpha=10**30),
    "alpha beyond all": change(model="mixup", alpha=2**53 + 1),
    "huge chosen alpha": change(chosen_alpha=10**400),
    "large chosen alpha": change(chosen_alpha=10**30),
    "negative chosen alpha": change(chosen_alpha=-(10**400)),
    "1e999 alpha": lambda row: raw(row, b"1e999"),
    "-1e999 alpha": lambda row: raw(row, b"-1e999"),
    "huge in bins": change(reliability=[[1, 10**400, 3, 4]]),
    "negative alpha": change(alpha=-1),
    "number protocol": change(protocol=3),
    "unknown model": change(model="gone"),
    "unhashable model": change(model=["mixup"]),
    "unknown status": change(status="maybe"),
    "unhashable seed": change(seed=[0]),
    "object for a task": change(task_id={}),
    "bins of text": change(reliability="many"),
    "bins of none": change(reliability=[[None] * 4]),
    "bins too short": change(reliability=[[1, 2]]),
    "ragged bins": change(reliability=[[1, 2, 3, 4], [1]]),
    "bins of NaN": change(reliability=[[1, math.nan, 3, 4]]),
    "no bins": change(reliability=[]),
    "empty bins": change(reliability=[[0, 0, 0, 0]]),
    "versions of lists": change(versions={"python": ["3"]}),
    "a name twice": lambda row: line_of(row)[:-1] + b',"error":0.5}',
    "the same twice": lambda row: b'{"fold":%d,' % row["fold"] + line_of(row)[1:],
    "twice, escaped": lambda row: line_of(row)[:-1] + b',"err\\u006fr":0.5}',
    "twice, deep": lambda row: line_of(row).replace(b'"numpy"', b'"python"'),
    "unknown field": change(extra=[{}]),
}


def write(folder, lines, end=b"\n"):
    folder.mkdir(exist_ok=True)
    (folder / "results.jsonl").write_bytes(b"\n".join(lines) + end)


STUDIED = {
    "adversarial": ("attacks", "line"),
    "alpha": ("train_error",),
    "label_noise": ("best_error", "curve", "noise"),
    "images": ("train_error", "ece", "n_train", "n_test"),
    "sequences": ("train_error", "ece", "n_train", "n_test"),
    "defaults": ("ece",),
    "defenses": tuple(ATTACK_ERRORS),
    "extrapolation": ("moved", "auroc"),
}


SCHEMAS = {
    study.STUDY.name: study.STUDY.schema
    for study in (
        adversarial,
        alpha,
        label_noise,
        images,
        sequences,
        defaults,
        defenses,
        extrapolation,
    )
} | {
    "gan": GANS,
    **{
        s.STUDY.name: s.STUDY.schema
        for s in (regression, intervals, halving, unlabeled, ordered_classes)
    },
}


def studied_row(folder):
    """The fullest row that went well of what a study is about."""
    rows = read_rows(KEPT / folder, SCHEMAS[folder])
    rows = [row for row in rows if row["status"] == "ok"]
    names = STUDIED[folder]
    rows = [row for row in rows if row["protocol"] and None not in map(row.get, names)]
    return max(rows, key=lambda row: len(row.get("attacks") or ()))


@contextmanager
def small_disk(size):
    """Let no file grow beyond a size, as a full disk does."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


HOSTILE = [
    "<script>window.hit = 1</script>",
    '"><img src=x onerror="window.hit = 2"><a b="',
    "'/onload='window.hit = 3'",
    "</svg></title><script>window.hit = 4</script>",
    "{{ 7 * 7 }}{% for x in y %}",
    "$\\frac{$ and $x_{$",
    "a | b\n| c | d |\n\n# head",
    "\x1b[31mred\x1b[0m\x07\x9b2J",
    "\u202egnp.exe\u2066\u200b\ufeff\x00\r",
    "[text](javascript:alert(1)) ![x](y) <b>&lt;*_**`~~",
    "../../" + "x" * 300,
    "CON",
    "_hidden",
    "日本 🙂 é",
    "a]]>--><!--",
]


def is_seen(text):
    kinds = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
    return not [c for c in text if unicodedata.category(c) in kinds]


def small_table(name):
    X = pd.DataFrame({"x": np.arange(12.0)})
    return Table(name, X, pd.Series(["no", "yes"] * 6))


def half_saved(self, file, **_):
    with open(file, "wb") as opened:
        opened.write(b"half")
    raise OSError(28, "No space left on device")


def hostile_rows(names, protocol="paper", seed=0):
    """Rows of several models on tables of these names, one of which has failed."""
    rng = np.random.default_rng(seed)
    kinds = [("mixup", a) for a in (0.0, 0.2, 1.0)]
    kinds += [(model, None) for model in ("mlp", "logistic", "dummy")]
    rows = [
        {"table": name, "table_id": None, "model": model, "alpha": alpha}
        | {"protocol": protocol if registry.MODELS[model].has_protocol else None}
        | {"folds": 2, "repeat": 0, "fold": fold, "seed": 0, "n_rows": 100}
        | {"n_classes": 2, "n_train": 50, "n_test": 50, "status": "ok"}
        | dict(zip(("error", "log_loss", "majority_error"), rng.random(3), strict=True))
        | {"train_error": 0.1, "fit_seconds": 0.5, "message": None}
        | {"reliability": [[3, 2.0, 20, 10], [9, 27.0, 30, 25]]}
        for name in names
        for model, alpha in kinds
        for fold in range(2)
    ]
    rows[-1] |= {"status": "failed", "error": None, "message": names[0]}
    return rows


ROOT = Path(__file__).resolve().parents[2]


ONE_FOLD = {"protocol": "paper", "folds": 3, "repeats": 1, "seed": 0}


def run_job(table, job):
    (outcome,) = run_unit(Unit(table, (job,)))
    return outcome.row


def read_lines(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


TINY = {
    "label_noise": ["--alphas", "8", "--noises", "0", "0.5", "--folds", "2"],
    "adversarial": ["--alphas", "1", "--folds", "2"],
    "defenses": ["--variants", "noise rows α=1"],
    "alpha": ["--alphas", "1", "inf", "--widths", "8", "32", "--folds", "2"],
    "gan": ["--seeds", "2", "--sets", "ring of 8"],
    "ordered_classes": ["--first", "1"],
    "extrapolation": ["--alphas", "1", "--folds", "2"],
    "images": ["--alphas", "1", "--repeats", "1"],
    "sequences": ["--alphas", "1", "--repeats", "1"],
}


def load_study(name):
    """The module of a study, be it a file or a folder."""
    module = importlib.import_module(f"benchmarks.studies.{name}")
    if hasattr(module, "__path__"):
        module = importlib.import_module(f"benchmarks.studies.{name}.__main__")
    return module


def noisy_job(table, noise, **other):
    return Job(table.name, None, "mixup", 0.0, None, 2, 0, 0, 0, noise=noise, **other)
