"""mixup against adversarial rows."""
