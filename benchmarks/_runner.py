"""Jobs: one is a (table, model, repeat, fold), its result is one flat row."""

import platform
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version

import numpy as np
from joblib import Parallel, delayed, parallel_config
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, StratifiedKFold
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from ._metrics import evaluate, majority_error, over_all_classes
from ._models import make_model

MEASURES = (
    *("error", "log_loss", "brier", "ece", "majority_error"),
    *("fit_seconds", "predict_seconds"),
)


@dataclass(frozen=True)
class Job:
    """What tells one result from another, and all that is needed to repeat it.

    Parameters
    ----------
    table : str
        The table's name.
    table_id : int or None
        Its OpenML id.
    model : str
        A key of `benchmarks._models.MODELS`.
    alpha : float or None
        mixup's α, None for the other models.
    protocol : str
        How the networks are trained.
    folds, repeat, fold : int
        Number of folds, which repeat, which fold.
    seed : int
        The run's seed. A fold's own seed comes from it, from `repeat` and `fold`, so
        that all models of a fold share it.
    """

    table: str
    table_id: int | None
    model: str
    alpha: float | None
    protocol: str
    folds: int
    repeat: int
    fold: int
    seed: int

    @classmethod
    def of(cls, row):
        """Return the job that a row of results came from.

        Parameters
        ----------
        row : dict
            As made by :func:`run_job`.

        Returns
        -------
        job : Job
        """
        return cls(**{field.name: row[field.name] for field in fields(cls)})


def make_jobs(table, models, alphas, *, protocol, folds, repeats, seed):
    """List a table's jobs, fold by fold.

    Parameters
    ----------
    table : Table
        The table.
    models : list of str
        Names of models; "mixup" stands for one model for each of `alphas`.
    alphas : list of float
        mixup's α's.
    protocol : str
        How the networks are trained.
    folds, repeats, seed : int
        Of the cross-validation.

    Returns
    -------
    jobs : list of Job
    """
    candidates = [
        (model, alpha)
        for model in models
        for alpha in (alphas if model == "mixup" else [None])
    ]
    return [
        Job(table.name, table.id, model, alpha, protocol, folds, repeat, fold, seed)
        for repeat in range(repeats)
        for fold in range(folds)
        for model, alpha in candidates
    ]


def split(y, n_folds, seed):
    """Split rows into stratified folds, as well as the classes allow.

    Parameters
    ----------
    y : array of shape (n_rows,)
        Classes. Those with fewer rows than folds are spread as far as they go; where
        all are that rare, the folds are not stratified.
    n_folds : int
        Number of folds.
    seed : int
        Seed of the shuffle.

    Returns
    -------
    folds : list of (train, test)
        Arrays of row numbers.
    """
    _, counts = np.unique(y, return_counts=True)
    kind = StratifiedKFold if counts.max() >= n_folds else KFold
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")
        return list(kind(n_folds, shuffle=True, random_state=seed).split(y, y))


def rare_classes(y, n_folds):
    """Say which classes have fewer rows than there are folds.

    Parameters
    ----------
    y : array of shape (n_rows,)
        Classes.
    n_folds : int
        Number of folds.

    Returns
    -------
    message : str or None
        None if there are none.
    """
    classes, counts = np.unique(np.asarray(y), return_counts=True)
    rare = classes[counts < n_folds]
    if not len(rare):
        return None
    names = ", ".join(str(name) for name in rare)
    return (
        f"{len(rare)} of {len(classes)} classes have fewer rows than the {n_folds} "
        f"folds, so some folds lack them: {names}"
    )


def run_job(table, job):
    """Fit and score one model on one fold.

    Parameters
    ----------
    table : Table
        The job's table.
    job : Job
        What to run.

    Returns
    -------
    row : dict
        The job, the table's size, `MEASURES`, versions, `status` ("ok" or "failed")
        and, of a failure, its `message`. A failure is never raised.
    """
    size = {"n_rows": len(table.X), "n_classes": int(table.y.nunique())}
    row = asdict(job) | size | {"versions": _versions(job.model)}
    try:
        return row | _measure(table, job) | {"status": "ok", "message": None}
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        failure = {"status": "failed", "message": message}
        return row | dict.fromkeys(MEASURES) | failure


def _measure(table, job):
    y = np.asarray(table.y)
    classes = np.unique(y)
    train, test = split(y, job.folds, _derive(job.seed, job.repeat))[job.fold]
    model = make_model(
        job.model,
        alpha=job.alpha,
        protocol=job.protocol,
        seed=_derive(job.seed, job.repeat, job.fold),
    )
    # On a shared machine, threads that wait for each other cost small networks tenfold.
    with threadpool_limits(1):
        start = time.perf_counter()
        _fit(model, table.X.iloc[train], y[train])
        fitted = time.perf_counter()
        proba = model.predict_proba(table.X.iloc[test])
        predicted = time.perf_counter()
    proba = over_all_classes(proba, model.classes_, classes)
    return {
        **evaluate(y[test], proba, classes),
        "majority_error": majority_error(y[train], y[test]),
        "fit_seconds": fitted - start,
        "predict_seconds": predicted - fitted,
    }


def _fit(model, X, y):
    with warnings.catch_warnings():
        # The protocol sets the epochs; whether they suffice is what is measured.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)


def _derive(*numbers):
    """Return a seed that stands for all of `numbers`."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def _versions(model):
    """Return the versions of what a model is made of."""
    versions = {
        "python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "scikit-learn")},
    }
    if model == "mixup":
        from skmixup import __version__

        versions |= {"torch": version("torch"), "skmixup": __version__}
    return versions


def run_jobs(pairs, n_jobs) -> Iterator[dict]:
    """Run jobs on this machine's cores, with a progress bar.

    Parameters
    ----------
    pairs : list of (Table, Job)
        What to run.
    n_jobs : int
        Number of processes; 1 runs in this process. A job has one thread.

    Yields
    ------
    row : dict
        As :func:`run_job` returns it, each as soon as its job ends.
    """
    with (
        parallel_config("loky", n_jobs=n_jobs, inner_max_num_threads=1),
        tqdm(total=len(pairs), unit="job", smoothing=0) as bar,
    ):
        # One job a batch, so that each row is on disk as soon as it can be.
        run = Parallel(batch_size=1, return_as="generator_unordered")
        for row in run(delayed(run_job)(table, job) for table, job in pairs):
            bar.set_postfix_str(row["table"], refresh=False)
            bar.update()
            yield row
