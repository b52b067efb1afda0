"""Which results may be compared, and how one fares against others."""


class NothingToCompare(Exception):
    """Too much has failed for a report."""


def complete_folds(frame, columns):
    """Return the rows of those folds that have a row for all that is compared.

    Parameters
    ----------
    frame : DataFrame
        With `table`, `repeat`, `fold`, and the columns that tell what is compared.
    columns : list of str

    Returns
    -------
    frame : DataFrame

    Raises
    ------
    NothingToCompare
        If there is no such fold.
    """
    kinds = frame.groupby(columns).ngroup()
    places = [frame[name] for name in ("table", "repeat", "fold")]
    complete = kinds.groupby(places).transform("nunique") == kinds.nunique()
    if not complete.any():
        raise NothingToCompare("No fold has results of all that is compared.")
    return frame[complete]


def demand(frame, column, values):
    """Raise NothingToCompare unless all values are there.

    Parameters
    ----------
    frame : DataFrame
    column : str
    values : iterable
    """
    for value in values:
        if value not in set(frame[column]):
            raise NothingToCompare(f"There is no result with {column} {value}.")


def against(errors, name, others):
    """Say on how many tables one has a lower error than others.

    Parameters
    ----------
    errors : DataFrame
        A row for each table, a column for each model.
    name : str
        Of the one.
    others : list of str

    Returns
    -------
    text : str
    """
    parts = []
    for other in others:
        difference = errors[name].mean() - errors[other].mean()
        word = "below" if difference < 0 else "not below"
        lower = int((errors[name] < errors[other]).sum())
        parts.append(
            f"{word} {other} ({errors[other].mean():.1f} %; lower on {lower} of "
            f"{len(errors)} tables)"
        )
    return f"{name} ({errors[name].mean():.1f} %) is " + " and ".join(parts)
