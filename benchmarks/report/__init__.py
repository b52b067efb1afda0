"""The report on a run, and figures."""
