"""mixup beyond the rows: λ outside [0, 1], and noise to mix with."""
