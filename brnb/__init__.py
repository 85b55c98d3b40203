"""Reproducible notebooks for a dissertation on national language models."""

from brnb.run import open_run

__all__ = ["open_run"]
__version__ = "0.1.0"
