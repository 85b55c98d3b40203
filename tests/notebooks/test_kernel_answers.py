"""A real kernel, over its sockets: who asks while a cell runs is answered."""

import os
import shutil

import pytest
from jupyter_client.manager import KernelManager
from thesis_copy import ROOT

SECONDS = 600  # that a busy machine may take to answer
CELL = """
import time
from brnb.progress import Bar
bar = Bar(desc="v1", total=20_000, unit="token")
bar.offer_pause()
with bar:
    for step in range(20_000):  # until the button is clicked, however late that is
        time.sleep(0.05)
        bar.update(1)
        bar.pause_if_asked()
"""


@pytest.fixture
def client(tmp_path):
    (tmp_path / "profile_default").mkdir()
    shutil.copy(ROOT / "profiles/ipython_kernel_config.py", tmp_path / "profile_default")
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env=os.environ | {"IPYTHONDIR": str(tmp_path)})
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=SECONDS)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_a_page_that_comes_later_is_answered_and_the_button_stops_the_cell(client):
    cell = client.execute(CELL, allow_stdin=True)  # as JupyterLab sends it
    models, named = {}, set()
    while not {"ButtonModel", "said"} <= named:
        message = client.get_iopub_msg(timeout=SECONDS)
        content = message["content"]
        ends = message["parent_header"].get("msg_id") == cell and content.get("execution_state")
        assert content.get("ename") is None, content["traceback"]
        assert ends != "idle", f"the cell ended, and showed no more than {named}"
        if state := content.get("data", {}).get("state"):
            models.setdefault(state.get("_model_name"), content["comm_id"])
            named |= {state.get("_model_name")} | ({"said"} if "tokens" in str(state) else set())

    who = client.kernel_info()
    while client.get_shell_msg(timeout=SECONDS)["parent_header"]["msg_id"] != who:
        pass  # earlier questions, of whether it is there

    click = {"method": "custom", "content": {"event": "click"}}
    message = client.session.msg("comm_msg", {"comm_id": models["ButtonModel"], "data": click})
    client.shell_channel.send(message)
    reply = client.get_shell_msg(timeout=SECONDS)
    assert reply["parent_header"]["msg_id"] == cell
    assert reply["content"]["ename"] == "Paused"
