"""One module a chapter: its tables and figures, in functions named as their artefact."""
