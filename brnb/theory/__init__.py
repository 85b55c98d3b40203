"""Formulas of the dissertation as pure functions with units."""
