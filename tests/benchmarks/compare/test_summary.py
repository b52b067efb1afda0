"""Rows become summaries and texts."""

from benchmarks.compare.summary import against_erm, as_text, label_rows, summarize


def test_titles_tell_tables_apart_that_are_named_alike():
    row = {"model": "dummy", "alpha": None, "folds": 2, "seed": 0}
    names = [("t (3)", None), ("t", 3), ("x" * 300, None), ("x" * 301, None)]
    names += [("\x1b", None), ("\\x1b", None)]
    rows = [row | {"table": name, "table_id": number} for name, number in names]
    for width in (None, 23):
        frame = label_rows(rows * 2, width)
        assert frame["title"].nunique() == len(names)
        assert width is None or frame["title"].str.len().max() <= width
    assert list(frame["title"][:2]) == ["t (3)", "t (3) #2"]


def test_each_way_to_split_a_table_is_a_table_of_its_own():
    row = {"table": "iris", "table_id": 61, "model": "mixup", "alpha": 0.2}
    row |= {"folds": 5, "seed": 0, "task_id": None}
    many = [{}, {"seed": 1}, {"folds": 10}, {"task_id": 59}, {"alpha": 0.2 + 1e-9}]
    frame = label_rows([row | change for change in many], 23)
    assert list(frame["title"]) == [
        "i (61, 5 folds, seed 0)",
        "i (61, 5 folds, seed 1)",
        "i (61, 10 folds, seed 0)",
        "iris (61, task 59)",
        "i (61, 5 folds, seed 0)",
    ]
    assert list(label_rows([row])["title"]) == ["iris (61)"]
    assert list(frame["label"].unique()) == ["mixup α=0.2", "mixup α=0.200000001"]


def fake_rows(errors, failed=()):
    """Rows of three folds of table "t": {(model, alpha): error}."""
    return [
        {
            **{"table": "t", "table_id": 3, "model": model, "alpha": alpha},
            **{"n_rows": 9, "n_classes": 2, "majority_error": 0.5},
            **{"error": error, "log_loss": error},
            **{"folds": 3, "repeat": 0, "fold": fold},
            "status": "failed" if (model, fold) in failed else "ok",
        }
        for (model, alpha), error in errors.items()
        for fold in range(3)
    ]


def test_best_is_starred_and_counted():
    errors = {("mixup", 0.0): 0.2, ("mixup", 0.5): 0.1, ("mlp", None): 0.3}
    summary = summarize(label_rows(fake_rows(errors)))
    assert list(summary["error_best"]) == [False, True, False]
    text = as_text(summary)
    assert max(map(len, text.splitlines())) <= 100
    assert "t (3)" in text
    assert text.count("*") == 2
    heads, *lines = against_erm(fake_rows(errors)).splitlines()
    assert heads.split()[-1] == "effect"
    assert "A test over tables takes 6" in " ".join(lines[4:])
    assert [line.split() for line in lines[:4]] == [
        [*model, score, counts, clear, effect]
        for score in ("error", "log-loss")
        for model, counts, clear, effect in (
            (("mixup", "α=0.5"), "1/0/0", "1/0", "+1.00"),
            (("mlp",), "0/0/1", "0/1", "-1.00"),
        )
    ]


def test_model_with_a_failed_fold_is_never_best():
    errors = {("mlp", None): 0.1, ("forest", None): 0.2}
    summary = summarize(label_rows(fake_rows(errors, failed={("mlp", 1)})))
    assert list(summary["error_best"]) == [False, True]
    assert "mlp [2/3 ok]" in as_text(summary)


def test_table_with_a_failed_fold_is_not_compared():
    errors = {("mixup", 0.0): 0.2, ("mlp", None): 0.1}
    assert against_erm(fake_rows(errors, failed={("mlp", 1)})) == ""


def test_what_looks_equal_is_best_alike():
    """Errors are shown in % with one digit, log-losses with three."""
    errors = {("mlp", None): 0.1234, ("forest", None): 0.1226, ("logistic", None): 0.13}
    summary = summarize(label_rows(fake_rows(errors)))
    assert list(summary["error_best"]) == [True, True, False]
    assert list(summary["log_loss_best"]) == [True, True, False]
    errors = {("mlp", None): 0.1234, ("forest", None): 0.1224}
    summary = summarize(label_rows(fake_rows(errors)))
    assert list(summary["error_best"]) == [False, True]


def test_tests_over_tables_are_shown_where_there_are_tables_enough():
    errors = {("mixup", 0.0): 0.2, ("mlp", None): 0.1}
    rows = [row | {"table": f"t{i}"} for i in range(6) for row in fake_rows(errors)]
    heads, first, *_ = against_erm(rows).splitlines()
    assert heads.split()[-2:] == ["p", "Holm"]
    assert first.split()[-1] == "0.031"
