"""Text: corpora read, cleaned and split, and the embedded sample."""
