"""Studies run, resume, and read what they need."""

import json
import re
import shutil

import cloudpickle
import pytest

from benchmarks.compare.pairing import NothingToCompare
from benchmarks.compare.summary import label_rows
from benchmarks.report.figures import plt
from benchmarks.run.jobs import Job
from benchmarks.run.results import Results, read_rows
from benchmarks.run.row_file import read_environments
from benchmarks.run.schema import CLASSIFIERS
from benchmarks.studies import images, sequences
from benchmarks.studies.adversarial import __main__ as adversarial
from benchmarks.studies.label_noise import __main__ as label_noise
from tests.benchmarks.helpers import (
    KEPT,
    SCHEMAS,
    STUDIED,
    TINY,
    load_study,
    studied_row,
)


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize(
    ("folder", "name"), [(folder, n) for folder in STUDIED for n in STUDIED[folder]]
)
def test_a_row_has_what_its_study_reads(folder, name, is_there):
    """It was taken, and the study's report ended in a traceback."""
    row, check = studied_row(folder), SCHEMAS[folder].check
    assert check(row)
    row |= {name: None}
    if not is_there:
        del row[name]
    with pytest.raises(ValueError, match=f"{name} is missing"):
        check(row)
    assert check(row | {"status": "failed"})


@pytest.mark.slow
@pytest.mark.parametrize(
    "study", [adversarial, label_noise, images, sequences], ids=lambda s: s.STUDY.name
)
@pytest.mark.parametrize("kept", ["none", "most"])
def test_a_study_without_plain_training(study, kept):
    """All of that has failed, or been damaged."""
    rows = read_rows(KEPT / study.STUDY.name, study.STUDY.schema)
    gone = [row for row in rows if row["alpha"] == 0]
    gone = gone if kept == "none" else gone[:1]
    frame = label_rows([row for row in rows if row not in gone])
    if kept == "none":
        with pytest.raises(NothingToCompare, match="There is no result with"):
            study.STUDY.report(frame)
    else:
        _, figures = study.STUDY.report(frame)
        for drawn in figures.values():
            plt.close(drawn)


LARGE = dict.fromkeys(("paper", "label_noise", "defaults"), pytest.mark.slow)


@pytest.mark.parametrize(
    "folder",
    [
        pytest.param(path.parent.name, marks=LARGE.get(path.parent.name, ()))
        for path in sorted(KEPT.glob("*/results.*"))
    ],
)
def test_the_results_that_are_kept_are_read_in_full(folder, capsys, tmp_path):
    schema = SCHEMAS.get(folder, CLASSIFIERS)
    rows = read_rows(KEPT / folder, schema)
    read_environments(KEPT / folder)
    assert len(read_rows(KEPT / folder)) == len(rows)  # whoever reads them
    assert capsys.readouterr().err == ""
    for file in (KEPT / folder).glob("results.*"):
        shutil.copyfile(file, tmp_path / file.name)
    results = Results(tmp_path, schema)
    assert results.n_unreadable == 0
    assert all(results.is_finished(Job.of(r)) for r in rows if r["status"] == "ok")
    for row in rows[:: max(1, len(rows) // 50)]:
        packed = json.loads(json.dumps({n: row[n] for n in schema.nested if n in row}))
        assert schema.check(row | packed) == row


N_ROWS = {
    "label_noise": 28,
    "adversarial": 4,
    "alpha": 12,
    "gan": 10,
    "ordered_classes": 12,
    "extrapolation": 6,
}


def without_times(rows):
    """Leave out what differs from run to run: times, and who trained beside."""
    differs = ("fit_seconds", "predict_seconds", "environment", "stack_size")
    return [{k: v for k, v in row.items() if k not in differs} for row in rows]


SLOW = dict.fromkeys(
    (
        *("images", "sequences", "adversarial", "defenses", "gan", "label_noise"),
        *("ordered_classes", "extrapolation"),
    ),
    pytest.mark.slow,
)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=SLOW.get(name, ())) for name in TINY]
)
def test_a_study_runs_to_the_end_and_resumes(name, tmp_path, quick, capsys):
    """Killed in the middle of a line, it ends with the same rows and the same text."""
    study = load_study(name)
    arguments = [*TINY[name], "--n-jobs", "1", "--out", str(tmp_path)]
    assert study.main(arguments) == 0
    text = (tmp_path / f"{name}.md").read_text(encoding="utf-8")
    assert text in capsys.readouterr().out
    assert text.count("|") > 10 and text.strip().endswith(".")
    pictures = list(tmp_path.glob("*.png"))
    assert pictures
    assert all(p.read_bytes().startswith(b"\x89PNG") for p in pictures)
    rows = read_rows(tmp_path)
    assert len(rows) == N_ROWS.get(name, 4)
    assert all(row["status"] == "ok" for row in rows)

    path = tmp_path / "results.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    assert study.main(arguments) == 0
    err = capsys.readouterr().err
    assert f"{len(rows) - 1} of {len(rows)} jobs were finished before" in err
    assert without_times(read_rows(tmp_path)) == without_times(rows)
    assert (tmp_path / f"{name}.md").read_text(encoding="utf-8") == text

    path.unlink()  # the exported rows will do
    assert study.main(arguments) == 0
    assert f"{len(rows)} of {len(rows)}" in capsys.readouterr().err
    assert (tmp_path / f"{name}.md").read_text(encoding="utf-8") == text


def test_a_folder_that_cannot_be_written_to(tmp_path, quick, capsys):
    (tmp_path / "file").touch()
    study = load_study("alpha")
    assert study.main(["--out", str(tmp_path / "file")]) == 2
    assert "Cannot write to --out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("label_noise", ["--noises", "50"], r"'50' is no number in \[0, 1\]"),
        ("label_noise", ["--alphas", "-1"], r"'-1' is no number in \[0, inf\]"),
        ("alpha", ["--widths", "7"], "invalid choice: 7"),
        ("gan", ["--sets", "square"], "invalid choice: 'square'"),
        ("gan", ["--folds", "3"], "unrecognized arguments"),
        ("images", ["--suite", "paper"], "unrecognized arguments"),
        ("images", ["--alphas", "0"], "none above 0 to compare"),
        ("gan", ["--seed", str(2**32)], "is more than 4294967295"),
        ("alpha", ["--out", ""], "names no folder"),
    ],
)
def test_wrong_arguments_are_named(name, arguments, message, capsys):
    study = load_study(name)
    with pytest.raises(SystemExit):
        study.main(arguments)
    assert re.search(message, capsys.readouterr().err)


def test_more_folds_than_rows_are_refused(tmp_path, capsys):
    study = load_study("images")
    assert study.main(["--folds", "2000", "--out", str(tmp_path)]) == 1
    assert "fewer rows (1797) than 2000 folds" in capsys.readouterr().err
    assert not read_rows(tmp_path)


def test_a_broken_export_is_named(tmp_path, capsys):
    (tmp_path / "results.parquet").write_bytes(b"PAR1 and no more")
    study = load_study("alpha")
    assert study.main(["--out", str(tmp_path)]) == 2
    assert "results.parquet is no whole Parquet file" in capsys.readouterr().err


@pytest.mark.parametrize("name", [*TINY, "defaults", "regression"])
def test_what_fits_a_study_goes_to_other_processes(name):
    study = load_study(name).STUDY
    parts = study.fit, study.measure, study.schema
    _, _, schema = cloudpickle.loads(cloudpickle.dumps(parts))
    assert set(schema.models) == set(study.schema.models)
    assert schema.protocols == study.schema.protocols
    folder = KEPT / name
    for row in read_rows(folder, study.schema)[:50]:
        assert schema.check(row) == row


@pytest.mark.parametrize("name", SCHEMAS)
def test_help_tells_what_there_is(name, capsys):
    """A percent sign in a text was taken for a format, and ended in a traceback."""
    with pytest.raises(SystemExit) as ended:
        load_study(name).main(["--help"])
    assert ended.value.code == 0
    assert "--out" in capsys.readouterr().out
