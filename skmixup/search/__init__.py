"""Many fits at once: searches, and ensembles of their folds."""
