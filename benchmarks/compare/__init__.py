"""Rows of results become comparisons of models."""
