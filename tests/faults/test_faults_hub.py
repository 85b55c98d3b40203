"""A hub that is down, slow, or answers half a file: an error that names the base, and an end."""

import http.server
import json
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest
from faults_environment import ENVIRONMENT, IS_LONG

LOAD = """
import time
import torch
time.sleep = lambda seconds: None  # between its tries the hub's client waits up to 8 s
from brnb.bases.load import load_base
class Values:
    precision, quantization, revision, double_quantization = "fp32", "none", None, False
try:
    load_base("someone/model", Values(), torch.device("cpu"))
except (FileNotFoundError, ValueError) as error:
    print(type(error).__name__, error)
"""
CONFIG = json.dumps({"model_type": "llama"}).encode()


class Hub(http.server.BaseHTTPRequestHandler):
    """Stands in for the hub on this machine."""

    manner = "half"

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        if self.manner == "slow":
            time.sleep(30)
        if self.manner == "broken":
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header("ETag", '"1"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("Content-Length", str(10 * len(CONFIG)))
        self.end_headers()
        if self.command == "GET":
            with suppress(BrokenPipeError):
                self.wfile.write(CONFIG[: len(CONFIG) // 2])

    def log_message(self, *_):
        """Say nothing."""


at_length = pytest.mark.skipif(not IS_LONG, reason="a process for each manner: make drill")
MANNERS = ["down", *(pytest.param(m, marks=at_length) for m in ("broken", "slow", "half"))]


@pytest.mark.parametrize("manner", MANNERS)
def test_a_hub_that_fails_is_told_in_the_end(manner, tmp_path, tally):
    handler = type("Handler", (Hub,), {"manner": manner})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_port
    if manner == "down":
        server.shutdown()
        server.server_close()
    environment = {k: v for k, v in ENVIRONMENT.items() if k not in ("HF_HUB_OFFLINE", "HF_TOKEN")}
    environment |= {
        "HF_ENDPOINT": f"http://127.0.0.1:{port}", "HF_HOME": str(tmp_path),
        "HF_HUB_DOWNLOAD_TIMEOUT": "2", "HF_HUB_ETAG_TIMEOUT": "2", "NO_PROXY": "127.0.0.1",
    }  # fmt: skip
    command = [sys.executable, "-c", LOAD]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1200)
    if manner != "down":
        server.shutdown()
    said = done.stdout.strip().splitlines()
    is_told = bool(said) and "base 'someone/model'" in said[-1]
    tally(f"hub {manner}", lost=not is_told)
    assert is_told, done.stderr[-2000:]
