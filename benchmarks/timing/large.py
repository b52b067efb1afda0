"""What takes minutes, and is measured only if it is asked for by name.

A million rows; and the first command of the README.
"""

import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from .contest import Contest

_FIT = """
import time, numpy as np
from benchmarks.timing import contest as c, cores
from benchmarks.timing.memory import peak_of
X, y = c.make_rows({n_rows})
clf = cores.default(max_epochs={epochs}, n_jobs=2)
c.seconds(cores.default(max_epochs=1, n_jobs=2).fit, X[:300], y[:300])
found = []
with c.using_threads(1):
    fit = peak_of(lambda: found.append(c.seconds(clf.fit, X, y)))
    predict = peak_of(lambda: found.append(clf.predict_proba(X)))
seconds, proba = found
encoded = 4 * len(X) * clf.net_.module__n_features / 2**20
print(seconds, fit, predict - proba.nbytes / 2**20, encoded, clf.n_iter_)
"""


def fit_of(n_rows, epochs):
    """Fit the default in a fresh process, and return what it printed of it."""
    code = _FIT.format(n_rows=n_rows, epochs=epochs)
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, stdout=subprocess.PIPE, check=True)
    names = ("seconds", "fit", "predict", "encoded", "epochs")
    return dict(zip(names, map(float, done.stdout.split()), strict=True))


def large_contests(quick):
    """Time default fits on 10,000 to 1,000,000 rows, and measure the peak of memory.

    On two cores, where the estimator can use them. Each fit is one turn, and what is
    measured of it are rows of three settings; peaks are above the table that is given,
    and of a prediction above its result.
    """
    sizes = (300, 600) if quick else (10_000, 100_000, 1_000_000)
    epochs, fits = 2 if quick else 100, {}

    def measured(n_rows, name):
        if n_rows not in fits:
            fits[n_rows] = fit_of(n_rows, epochs)
        return fits[n_rows][name]

    def time_a_row(n_rows):
        cost = 1e6 * measured(n_rows, "seconds") / n_rows
        return {"value": cost, "epochs": int(measured(n_rows, "epochs"))}

    def peak(n_rows, name):
        value = max(measured(n_rows, name), 0.0)
        return {"value": value, "times_encoded": value / measured(n_rows, "encoded")}

    settings = {
        "a default fit": ("µs/row", time_a_row),
        "peak of the fit": ("MiB", partial(peak, name="fit")),
        "peak of predict_proba": ("MiB", partial(peak, name="predict")),
    }
    for setting, (unit, work) in settings.items():
        yield Contest(
            "large",
            setting,
            unit,
            {f"{n_rows:,} rows": partial(work, n_rows) for n_rows in sizes},
            most_turns=1,
        )


def readme_contests(quick):
    """Time the README's first command, in a folder that is empty."""
    # Models that take no time, for a look.
    flags = ["--models", "dummy", "logistic", "--folds", "2"] if quick else []

    def run():
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "benchmarks.uci", *flags]
            start = time.perf_counter()
            subprocess.run(
                [*command, "--out", str(Path(folder) / "out")],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=True,
            )
            return time.perf_counter() - start

    yield Contest(
        "readme",
        "python -m benchmarks.uci",
        "s",
        {"from the start": run},
        most_turns=1,
    )
