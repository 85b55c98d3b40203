"""Smaller models: weights in fewer bits, students of larger teachers, and both served on a CPU."""
