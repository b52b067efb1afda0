"""The models, and how each is made and given its rows."""
