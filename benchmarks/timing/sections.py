"""All that `benchmarks.speed` measures, and what its figures should be."""

from .columns import id_contests, level_contests
from .cores import busy_contests, core_contests
from .large import large_contests, readme_contests
from .report import Goal
from .tables import OURS, WIDEST, table_contests
from .workloads import (
    fit_contests,
    growth_contests,
    member_contests,
    memory_contests,
    predict_contests,
    search_contests,
)

SECTIONS = {
    "fit": fit_contests,
    "members": member_contests,
    "search": search_contests,
    "predict": predict_contests,
    "memory": memory_contests,
    "growth": growth_contests,
    "cores": core_contests,
    "busy": busy_contests,
    "levels": level_contests,
    "ids": id_contests,
    "tables": table_contests,
    "large": large_contests,
    "readme": readme_contests,
}
# Each takes long, and is measured only if it is named.
ON_REQUEST = ("large", "readme")

# By what each competitor's cost is divided, for the tables of ratios.
REFERENCES = {
    "fit": ["MLPClassifier", "skorch", "ERM"],
    "members": ["products alone"],
    "search": ["MixupSearchCV, n_jobs=2"],
    "predict": ["MLPClassifier"],
    "growth": ["MLPClassifier"],
    "cores": ["n_jobs=1"],
    "busy": ["one thread"],
    "levels": ["one-hot"],
    "ids": ["without"],
    "large": ["10,000 rows"],
}

_BATCH = ("batch 16, 1 thread(s)",), ("batch 256, 1 thread(s)",)
_LEVELS = ("25000 rows x (3 of 8000 levels + 10)",)
_GRID = "GridSearchCV({}), n_jobs=2"
GOALS = [
    *(
        Goal(f"default fit over {name}'s, geometric mean", "tables", OURS, name, bound,
             over="geometric mean")
        for name, bound in [("LightGBM", "<= 5"), ("CatBoost", "<= 0.3"),
                            ("RealMLP-TD", "<= 0.12")]
    ),
    Goal("default fit over RealMLP-TD's, on any table", "tables", OURS, "RealMLP-TD",
         "<= 0.5", over="largest"),
    Goal("default fit on the widest, over the floor of its steps", "tables", OURS,
         None, "<= 2.5", WIDEST, measure="times_floor", over="largest"),
    Goal("25,000 rows x 3 of 8,000 levels, s an epoch", "levels", "mixup", None,
         "<= 1.5", _LEVELS),
    Goal("their log-loss over that of one-hot columns", "levels", "mixup", "one-hot",
         "<= 1", _LEVELS, measure="log_loss"),
    Goal("id and text column added", "ids", "with an id and a text", "without",
         "<= 1.3"),
    Goal("of these two, named in a warning", "ids", "with an id and a text", None,
         ">= 2", measure="named"),
    Goal("n_jobs=2 over 1, from 2,000 rows on", "cores", "n_jobs=2", "n_jobs=1",
         "<= 0.6", over="largest"),
    Goal("torch's own threads over one, beside a busy process", "busy",
         "torch's own threads", "one thread", "<= 1.3"),
    Goal("grid of MLPClassifier over search", "search", _GRID.format("MLPClassifier"),
         "MixupSearchCV, n_jobs=2", ">= 10"),
    Goal("grid of MixupClassifier over search", "search",
         # A single network's compiled steps are as fast as a stack's: what the search
         # saves is the encoding, and members that stop.
         _GRID.format("MixupClassifier"), "MixupSearchCV, n_jobs=2", ">= 1"),
    *(
        Goal(f"predict {n_rows} row(s), {about}, over MLPClassifier", "predict", name,
             "MLPClassifier", bound, (f"{n_rows} row(s)",))
        for name, about, n_rows, bound in [
            ("mixup", "one network", 1, "<= 1.2"),
            ("mixup", "one network", 1000, "<= 1"),
            ("mixup", "one network", 100_000, "<= 1"),
            ("mixup, 8 members", "eight", 1, "<= 2.5"),
            ("mixup, 8 members", "eight", 1000, "<= 8"),
        ]
    ),
    *(
        Goal(f"{above}, {batch[0].split(',')[0]}, over {below}", "fit", above, below,
             bound, batch)
        for above, below, batch, bound in [
            ("mixup", "MLPClassifier", _BATCH[0], "<= 0.7"),
            ("mixup", "skorch", _BATCH[0], "<= 0.35"),
            ("mixup", "MLPClassifier", _BATCH[1], "<= 0.55"),
            ("mixup", "skorch", _BATCH[1], "<= 0.25"),
            ("mixup", "ERM", _BATCH[0], "<= 1.05"),
            ("mixup", "ERM", _BATCH[1], "<= 1.05"),
        ]
    ),
    Goal("25 members, batch 16, over products", "members", "mixup", "products alone",
         "<= 1.6", ("25 member(s), batch 16",)),
    Goal("peak of the wide category, MiB", "memory", "mixup", None, "<= 500",
         ("200000 rows x (10 + a category of 10000 levels)",)),
    Goal("1,000,000 x 30, default fit, µs a row", "large", "1,000,000 rows", None,
         "<= 600", ("a default fit",)),
    Goal("the same, over that of 10,000 rows", "large", "1,000,000 rows",
         "10,000 rows", "<= 1", ("a default fit",)),
    Goal("its peak, over the encoded table", "large", "1,000,000 rows", None, "<= 2",
         ("peak of the fit",), measure="times_encoded"),
    Goal("predict_proba of 1,000,000 rows, MiB over the result", "large",
         "1,000,000 rows", None, "<= 286", ("peak of predict_proba",)),
    Goal("the README's first command, s", "readme", "from the start", None, "<= 120"),
]  # fmt: skip
