"""JupyterLab as `make lab` starts it, in headless Chromium."""

import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from thesis_copy import ENVIRONMENT

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
TOKEN = "of-a-test"
MINUTES = 60_000  # in milliseconds


@contextmanager
def jupyter_lab(project: Path) -> Iterator[str]:
    """Serve a project until the end of the block; gives the address with its token."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kernels = project / "work/ipython/profile_default"
    kernels.mkdir(parents=True, exist_ok=True)
    shutil.copy(project / "profiles/ipython_kernel_config.py", kernels)
    settings = {"JUPYTER_CONFIG_PATH": str(project / "profiles/jupyter")}
    # Nothing of whoever runs the tests: settings, the tabs that were open last.
    own = {"IPYTHONDIR": "ipython", "JUPYTER_CONFIG_DIR": "config"}
    settings |= {name: str(project / "work" / folder) for name, folder in own.items()}
    options = [f"--ServerApp.port={port}", f"--IdentityProvider.token={TOKEN}", "--no-browser"]
    options += ["--ServerApp.ip=127.0.0.1", "--allow-root", "--LabApp.expose_app_in_browser=True"]
    with (project / "work/lab.log").open("wb") as log:
        command = ["jupyter", "lab", *options]
        environment = ENVIRONMENT | settings
        server = subprocess.Popen(
            command, cwd=project, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/api?token={TOKEN}", server)
        yield f"http://127.0.0.1:{port}/lab/tree/notebooks/{{notebook}}.ipynb?token={TOKEN}"
    finally:
        server.terminate()  # it ends its kernels first
        server.wait(timeout=600)


def _wait_for(address: str, server: subprocess.Popen, seconds: float = 600) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            assert server.poll() is None, "JupyterLab has ended: see work/lab.log"
            assert time.monotonic() < end, "JupyterLab does not answer"
            time.sleep(0.5)


@contextmanager
def browser_page() -> Iterator[Any]:
    """A page of headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        sandbox = [] if os.getuid() else ["--no-sandbox"]  # Chromium refuses root one
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        page = browser.new_page(viewport={"width": 1280, "height": 1000}, locale="pt-BR")
        page.set_default_timeout(3 * MINUTES)
        # A busy server confirms a save late, and JupyterLab then asks whether to overwrite its own.
        question = page.locator(".jp-Dialog-footer")
        page.add_locator_handler(question, lambda asked: asked.get_by_role("button").last.click())
        yield page
        browser.close()


def run_all(page: Any, address: str, timeout: float = 9 * MINUTES) -> None:
    """Open a notebook, execute all its cells, and wait for the last."""
    page.goto(address)
    page.wait_for_function(READY)
    page.evaluate("() => void window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(FINISHED, timeout=timeout)


READY = """() => {
  const panel = window.jupyterapp?.shell.currentWidget;
  const kernel = panel?.sessionContext?.session?.kernel;
  return panel?.content?.isVisible && panel.sessionContext.isReady && kernel?.status === 'idle';
}"""
CELLS = "window.jupyterapp.shell.currentWidget.content.model.cells"
FINISHED = f"""() => {{
  const cells = Array.from({CELLS}).filter(cell => cell.type === 'code');
  const failed = cells.some(cell => cell.outputs.toJSON().some(o => o.output_type === 'error'));
  return failed || cells.every(cell => cell.executionCount && cell.executionState !== 'running');
}}"""


def outputs(page: Any) -> list[dict[str, Any]]:
    """Outputs of all code cells, as the notebook would be saved."""
    script = f"""() => Array.from({CELLS}).filter(cell => cell.type === 'code')
        .flatMap(cell => cell.outputs.toJSON())"""
    return list(page.evaluate(script))
