"""What is shown and written: texts, and files that appear whole."""
