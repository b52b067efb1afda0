"""Jobs: each is one row of results."""

from dataclasses import MISSING, asdict, dataclass, fields

import numpy as np

from ..models.registry import MODELS
from ..output.files import file_name
from .folds import derive

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
        A key of `benchmarks.models.registry.MODELS`, or a study's own.
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
            As made by :func:`benchmarks.run.unit.run_unit`.

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
        return derive(self.seed, self.repeat, self.fold)

    @property
    def name(self):
        """A name for a file."""
        values = [value for value in asdict(self).values() if value is not None]
        return file_name("-".join(map(str, values)))


def make_jobs(
    table,
    models,
    alphas,
    *,
    protocol,
    folds,
    repeats=1,
    seed=0,
    noise=None,
    registry=MODELS,
):
    """List a table's jobs, fold by fold.

    Parameters
    ----------
    table : Table
        The table; if it is a task's, `folds` and `repeats` are the task's.
    models : list of str
        Names of models; each of those that take an α stands for one model for each of
        `alphas`. Since α = 0 is the same for all variants of mixup, it is run once, as
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
    registry : dict of str -> Model, default=MODELS
        The models of these names.

    Returns
    -------
    jobs : list of Job
    """
    found = [
        ((alpha == 0 and registry[model].erm) or model, alpha)
        for model in models
        for alpha in (alphas if registry[model].takes_alpha else [None])
    ]
    candidates = [
        (model, alpha, protocol if registry[model].has_protocol else None)
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
