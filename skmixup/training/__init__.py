"""From encoded rows to trained members: plans, batches, the loop, the net."""
