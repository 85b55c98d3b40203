"""Training from scratch: one loop for every version of Track 1."""
