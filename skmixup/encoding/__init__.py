"""Tables, checked and made into matrices of numbers."""
