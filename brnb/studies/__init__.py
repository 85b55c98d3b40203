"""Trainings made in order to compare: ablations, sweeps, adaptations and what they show."""
