"""Where the drill's processes run, and whether it is a long one (`make drill`, `make fuzz`)."""

import os
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
IS_LONG = not {"BRNB_DRILL", "BRNB_FUZZ"}.isdisjoint(os.environ)
ENVIRONMENT = os.environ | {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "PYTHONPATH": os.pathsep.join(
        [str(TESTS.parent), str(TESTS / "small"), *filter(None, [os.environ.get("PYTHONPATH")])]
    ),
    "OMP_NUM_THREADS": "1",
}
