"""The study that the defaults come from."""
