"""What mends a network that adversarial rows fool."""
