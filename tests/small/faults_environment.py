"""Where the drill's processes run, and whether it is the long one (`make drill`)."""

import os
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
IS_LONG = "BRNB_DRILL" in os.environ
ENVIRONMENT = os.environ | {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS / 'small'}",
    "OMP_NUM_THREADS": "1",
}
