"""mixup in GANs."""
