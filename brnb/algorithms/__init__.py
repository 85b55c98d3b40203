"""Algorithms 1-22 of the thesis as short runnable references, each tested beside one to trust.

They show what is computed, and are not fast. Names say the algorithm; docstrings its number.
"""
