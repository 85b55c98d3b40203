"""The figures of the chapters: each function draws one from plain data."""
