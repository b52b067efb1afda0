"""ERM against mixup on UCI tables, cross-validated: ``python -m benchmarks.uci``."""

import argparse
import sys

from ._models import make_models
from ._runner import run_all
from ._summary import count_wins, summarize
from ._tables import load_embedded, load_openml


def parse_arguments(arguments=None):
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.uci", description=__doc__)
    parser.add_argument(
        "--datasets",
        type=int,
        nargs="+",
        metavar="ID",
        help="OpenML ids; by default the four tables that scikit-learn ships",
    )
    parser.add_argument("--alphas", type=float, nargs="+", default=[0.2, 0.4, 1.0])
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--n-jobs", type=int, default=-1)
    return parser.parse_args(arguments)


def load_tables(ids):
    """Load tables; one that cannot be loaded is reported, and the others go on."""
    if not ids:
        return load_embedded()
    tables = []
    for table_id in ids:
        try:
            tables.append(load_openml(table_id))
        except Exception as error:
            print(
                f"table {table_id} left out: {type(error).__name__}: {error}",
                file=sys.stderr,
            )
    return tables


def main(arguments=None):
    """Run the benchmark; return the exit status."""
    options = parse_arguments(arguments)
    tables = load_tables(options.datasets)
    if not tables:
        return 1
    models = make_models(options.alphas, options.seed)
    rows = run_all(tables, models, options.folds, options.seed, options.n_jobs)
    failed = [row for row in rows if row["status"] == "failed"]
    for row in failed:
        print(f"{row['table']}, {row['model']}: {row['message']}", file=sys.stderr)
    if len(failed) == len(rows):
        return 1
    print(summarize(rows, models).to_string(index=False))
    print(*count_wins(rows, models), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
