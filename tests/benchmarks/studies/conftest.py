"""What tests of studies share."""

from pathlib import Path

KEPT = Path(__file__).resolve().parents[3] / "benchmarks" / "results"
