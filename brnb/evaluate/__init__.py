"""Measures of trained models: likelihood on held-out text and generated samples."""
