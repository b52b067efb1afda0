"""Scripts that measure skmixup; run each by ``python -m benchmarks.NAME``."""
