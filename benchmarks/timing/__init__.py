"""What the benchmark of speed measures."""
