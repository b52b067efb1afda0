"""Jobs and units: a job is one row of results, a unit is what runs at once."""

import warnings
from dataclasses import MISSING, asdict, dataclass, fields
from functools import lru_cache

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

from ..models.registry import COSTS, NETWORKS, SEARCHES, STACKED, WITH_ALPHA
from ..output.files import file_name

# Members of a stack share their steps' overhead; with more, little is left to share.
STACK_SIZE = 25
ROWS_FOR_ONE_REPEAT, MAX_REPEATS = 5000, 10


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
        A key of `benchmarks.models.registry.MODELS`.
    alpha : float or None
        mixup's α, None for the other models.
    protocol : str or None
        How the networks are trained. None for the other models.
    folds, repeat, fold : int
        Number of folds, which repeat, which fold.
    seed : int
        The run's seed. A fold's own seed comes from it, from `repeat` and `fold`, so
        that all models of a fold share it.
    task_id : int or None, default=None
        The OpenML task whose splits are used.
    noise : float or None, default=None
        Share of the training labels that are replaced at random; test labels never are.
    """

    table: str
    table_id: int | None
    model: str
    alpha: float | None
    protocol: str | None
    folds: int
    repeat: int
    fold: int
    seed: int
    task_id: int | None = None
    noise: float | None = None

    @classmethod
    def of(cls, row):
        """Return the job that a row of results came from.

        Parameters
        ----------
        row : dict
            As made by :func:`benchmarks.run.runner.run_unit`.

        Returns
        -------
        job : Job
        """
        return cls(
            **{
                field.name: row[field.name]
                for field in fields(cls)
                if field.name in row or field.default is MISSING
            }
        )

    @property
    def fold_seed(self):
        """The seed of every model on this fold."""
        return _derive(self.seed, self.repeat, self.fold)

    @property
    def name(self):
        """A name for a file."""
        values = [value for value in asdict(self).values() if value is not None]
        return file_name("-".join(map(str, values)))


@dataclass(frozen=True)
class Unit:
    """Jobs of one table that run at once, since they share their training.

    Parameters
    ----------
    table : Table
        The jobs' table.
    jobs : tuple of Job
        All of one model; or a search's two ways to end, on one fold.
    """

    table: object
    jobs: tuple

    @property
    def cost(self):
        """About how long it takes, to order units and to estimate the time left."""
        alike = {(COSTS[job.model], job.alpha, job.fold) for job in self.jobs}
        n_cells = len(self.table.X) * np.sqrt(1 + self.table.X.shape[1])
        return sum(cost for cost, *_ in alike) * float(n_cells)


def make_jobs(table, models, alphas, *, protocol, folds, repeats=1, seed=0, noise=None):
    """List a table's jobs, fold by fold.

    Parameters
    ----------
    table : Table
        The table; if it is a task's, `folds` and `repeats` are the task's.
    models : list of str
        Names of models; each of those in `WITH_ALPHA` stands for one model for each of
        `alphas`. Since α = 0 is the same for all in `STACKED`, it is run once, as
        "mixup".
    alphas : list of float
        mixup's α's.
    protocol : str
        How the networks are trained.
    folds, seed : int
        Of the cross-validation.
    repeats : int or "auto"
        "auto" repeats small tables more often: 10 times up to 500 rows, once from 5000.
    noise : float or None, default=None
        Share of the training labels that are replaced at random.

    Returns
    -------
    jobs : list of Job
    """
    found = [
        ("mixup" if alpha == 0 and model in STACKED else model, alpha)
        for model in models
        for alpha in (alphas if model in WITH_ALPHA else [None])
    ]
    candidates = [
        (model, alpha, protocol if model in NETWORKS else None)
        for model, alpha in dict.fromkeys(found)
    ]
    if repeats == "auto":
        repeats = int(np.clip(-(-ROWS_FOR_ONE_REPEAT // len(table.X)), 1, MAX_REPEATS))
    places = [(repeat, fold) for repeat in range(repeats) for fold in range(folds)]
    if table.splits is not None:
        places = sorted(table.splits)
        folds = 1 + max(fold for _, fold in places)
    return [
        Job(
            *(table.name, table.id, model, alpha, protocol),
            *(folds, repeat, fold, seed, table.task_id, noise),
        )
        for repeat, fold in places
        for model, alpha, protocol in candidates
    ]


def make_units(table, jobs):
    """Gather a table's jobs into units.

    Parameters
    ----------
    table : Table
        The table.
    jobs : list of Job
        Of that table.

    Returns
    -------
    units : list of Unit
        A stack is all α's of some folds of one repeat.
    """
    gathered = {}
    for job in jobs:
        gathered.setdefault(_unit_key(job), []).append(job)
    units = []
    for together in gathered.values():
        folds = sorted({job.fold for job in together})
        n_alphas = len(together) / len(folds)
        share = max(1, int(STACK_SIZE / n_alphas))
        for start in range(0, len(folds), share):
            some = folds[start : start + share]
            units.append(
                Unit(table, tuple(job for job in together if job.fold in some))
            )
    return units


def _unit_key(job):
    if job.model in WITH_ALPHA:
        return job.model, job.protocol, job.repeat, job.noise
    if job.model in SEARCHES:
        return "search", job.protocol, job.repeat, job.fold
    return job


def rows_of(table, job):
    """Return the rows that a job trains on, and those that it is scored on.

    Parameters
    ----------
    table : Table
        The job's table.
    job : Job
        Which job.

    Returns
    -------
    train, test : arrays of int
    """
    if table.splits is not None:
        return table.splits[job.repeat, job.fold]
    return _folds(table, job.folds, _derive(job.seed, job.repeat))[job.fold]


def labels_of(table, job):
    """Return the labels that a job is given; those of its test rows are not to be used.

    Some are replaced by a class drawn from all of the table's, as often by the right
    one as by any other (Zhang et al., "mixup", 2017, section 3.4).

    Parameters
    ----------
    table : Table
        The job's table.
    job : Job
        Of those of a repeat, the same are replaced, and more where `noise` is larger.

    Returns
    -------
    y : ndarray of shape (n_rows,)
    """
    y = np.asarray(table.y)
    if not job.noise:
        return y
    rng = np.random.default_rng([job.seed, job.repeat])
    replaced = rng.permutation(len(y))[: round(job.noise * len(y))]
    drawn = rng.choice(np.unique(y), len(y))  # for all, so that levels agree
    y = y.copy()
    y[replaced] = drawn[replaced]
    return y


@lru_cache(maxsize=1)  # the jobs of a unit share them
def _folds(table, n_folds, seed):
    return split(np.asarray(table.y), n_folds, seed)


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


def _derive(*numbers):
    """Return a seed that stands for all of `numbers`."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
