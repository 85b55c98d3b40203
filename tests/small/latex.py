"""A mark for the tests that compile LaTeX: skipped where it is not installed, never in CI."""

import os
import shutil

import pytest

MISSING = [program for program in ("latexmk", "pdftotext") if shutil.which(program) is None]
needs_latex = pytest.mark.skipif(
    bool(MISSING) and "CI" not in os.environ,
    reason=f"{', '.join(MISSING)} not installed: brnb doctor says what to install",
)
