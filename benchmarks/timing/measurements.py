"""Rows of measurements: what they hold, and how turns make them."""

import time
from contextlib import contextmanager

import pandas as pd
from tqdm.auto import tqdm

from ..output.text import say
from ..run.environment import describe
from ..run.schema import COUNT, NOTHING, SCORE, SHARE, TEXT, Field, check_fields
from ..run.unit import told

_STAMP = "%Y-%m-%dT%H:%M:%S"
_NAMES = ("setting", "competitor", "unit")
# What a turn may tell beside its cost, `value`.
MEASURES = {
    **dict.fromkeys(("log_loss", "times_floor", "times_encoded", "us_a_step"), SCORE),
    "peak": SCORE,
    **dict.fromkeys(("n_rows", "n_columns", "n_inputs", "batch_size"), COUNT),
    **dict.fromkeys(("epochs", "steps", "named"), COUNT),
    "error": SHARE,
    **dict.fromkeys(("device", "places"), TEXT),
}


def _is_stamp(value):
    """Tell whether a value is a time as written here."""
    try:
        return time.strftime(_STAMP, time.strptime(value, _STAMP)) == value
    except (TypeError, ValueError):
        return False


class Measurements:
    """What rows of measurements hold, as `benchmarks.run.schema.Schema` for results.

    Parameters
    ----------
    sections : collection of str
        Those that there are; a row of another one is none.
    """

    def __init__(self, sections):
        self._needed = {
            "section": Field("a section", lambda v: TEXT.accepts(v) and v in sections),
            "run": Field("the time of a run", _is_stamp),
            "repeat": COUNT,
            "value": SCORE | NOTHING,
        }
        self.fields = {
            **self._needed,
            **dict.fromkeys(_NAMES, TEXT),
            "status": Field("ok or failed", lambda value: value in ("ok", "failed")),
            "message": TEXT | NOTHING,
            **{name: field | NOTHING for name, field in MEASURES.items()},
        }

    def check(self, row):
        """Return a row with all that it may have; raise ValueError if it is none."""
        check_fields(row, self.fields, self._needed, others=TEXT | COUNT)
        row = dict.fromkeys(_NAMES, "") | {"status": "ok", "message": None} | row
        if (row["value"] is None) is (row["status"] == "ok"):
            raise ValueError(f"value is {row['value']} where status is {row['status']}")
        return row

    @staticmethod
    def key(row):
        """Return what tells a row from all others."""
        names = ("section", "run", "setting", "competitor", "repeat")
        return tuple(row[name] for name in names)


class Budget:
    """Seconds that may be used, and what a turn is to be expected to take of them.

    Competitors may be slower or faster than was thought of all of their turns; that is
    learned from those that they have had.

    Parameters
    ----------
    seconds : float, default=infinity
    """

    def __init__(self, seconds=float("inf")):
        self._end = time.monotonic() + seconds
        self._taken, self._expected = {}, {}
        self.left_out = []

    def allows(self, contest, name):
        """Tell whether there is time for a turn, and note it if there is not."""
        expected = contest.expected.get(name, 0.0)
        if name in self._expected:
            expected *= self._taken[name] / self._expected[name]
        if time.monotonic() + expected <= self._end:
            return True
        self.left_out.append(f"{name} at {contest.section}, {contest.setting}")
        return False

    @contextmanager
    def counting(self, contest, name):
        """Note how long a turn takes."""
        start = time.monotonic()
        yield
        taken, expected = time.monotonic() - start, contest.expected.get(name, 0.0)
        if expected:
            self._taken[name] = self._taken.get(name, 0.0) + taken
            self._expected[name] = self._expected.get(name, 0.0) + expected


def measure(sections, repeats, results, resumes=False, budget=None):
    """Run the contests, and write each measurement down as soon as it is made.

    Parameters
    ----------
    sections : list of (str, callable)
        Each returns the contests of a section, or some of them.
    repeats : int
        Turns of a competitor, where a contest says no less.
    results : RowFile
        What a competitor that raises leaves is a row as well, and it has no more turns.
    resumes : bool, default=False
        Whether to go on with the last run of each section that was made with what is
        here now, and so not to measure again what it has.
    budget : Budget, default=None
        Turns that there is no time for are left out.
    """
    budget = budget or Budget()
    stamp = describe()
    results.add_environment(stamp)
    rows = results.all_rows()
    runs = _last_runs(rows, stamp["id"]) if resumes else {}
    now = _new_run({row["run"] for row in rows})
    for section, contests_of in sections:
        contests = list(contests_of())
        about = {"section": section, "run": runs.get(section, now)}
        about["environment"] = stamp["id"]
        n_turns = [min(repeats, c.most_turns or repeats) for c in contests]
        with tqdm(total=sum(n_turns), desc=section) as bar:
            for contest, n in zip(contests, n_turns, strict=True):
                bar.set_postfix_str(contest.setting)
                _take_turns(contest, n, about, results, bar, budget)


def _new_run(others):
    """Return the time now as a run's name, or a later one if another run has it."""
    seconds = time.time()
    while (name := time.strftime(_STAMP, time.localtime(seconds))) in others:
        seconds += 1
    return name


def _last_runs(rows, environment):
    """Return the last run of each section, where the environment is still the same."""
    last = {row["section"]: row for row in rows}
    return {
        section: row["run"]
        for section, row in last.items()
        if row.get("environment") == environment
    }


def _take_turns(contest, n_turns, about, results, bar, budget):
    """Let a contest's competitors take turns, but those that were taken before."""
    about = about | {"setting": contest.setting, "unit": contest.unit}
    going = list(contest.competitors)
    for repeat in range(n_turns):
        for name in [*going]:
            row = about | {"competitor": name, "repeat": repeat}
            if results.is_finished(results.schema.key(row)):
                continue
            if not budget.allows(contest, name):
                going.remove(name)
                continue
            with budget.counting(contest, name):
                row |= turn(contest.competitors[name])
            results.append([results.schema.check(row)])
            if row["status"] == "failed":
                going.remove(name)
        bar.update()


def turn(work):
    """Take a competitor's turn.

    Parameters
    ----------
    work : callable
        Of a `Contest`.

    Returns
    -------
    measures : dict
        What it cost, or why it failed.
    """
    try:
        cost = work()
        measures = cost if isinstance(cost, dict) else {"value": float(cost)}
    except Exception as error:
        return {"value": None, "status": "failed", "message": told(error)}
    for name, value in ({"value": None} | measures).items():
        field = MEASURES.get(name, SCORE)
        if not field.accepts(value):
            message = f"{name} is {value}, not {field.about}"
            return {"value": None, "status": "failed", "message": message}
    return measures | {"status": "ok", "message": None}


def latest(rows):
    """Return the measurements of each section's last run, which is last in the file.

    Parameters
    ----------
    rows : list of dict

    Returns
    -------
    rows : DataFrame
        A row a measurement.
    """
    names = [*Measurements(()).fields]
    frame = pd.DataFrame(rows, columns=names)
    return frame[frame["run"] == frame.groupby("section")["run"].transform("last")]


def those_that_went_well(rows):
    """Return the last measurements that are none of failures; say which those are.

    Parameters
    ----------
    rows : list of dict

    Returns
    -------
    rows : DataFrame
        As :func:`latest` returns them, with numbers for measures.
    """
    rows = latest(rows)
    for row in rows[rows["status"] == "failed"].to_dict("records"):
        what = f"{row['competitor']} at {row['section']}, {row['setting']}"
        say(f"Failed: {what}: {row['message']}")
    numbers = [name for name, field in MEASURES.items() if field is not TEXT]
    kinds = dict.fromkeys(["value", *numbers], float)
    return rows[rows["status"] == "ok"].astype(kinds)
