"""The tables, and where they come from."""
