"""mixup against wrong labels."""
