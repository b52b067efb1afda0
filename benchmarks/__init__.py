"""Benchmarks of skmixup, run from the repository's root: ``python -m benchmarks.uci``.

They use the public API of skmixup only.
"""
