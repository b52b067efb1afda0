"""Studies of what mixup claims, each a command."""
