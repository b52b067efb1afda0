"""Jobs are fitted and scored, and their rows of results kept."""
