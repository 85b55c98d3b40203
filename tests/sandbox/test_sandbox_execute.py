"""What runs in the sandbox and what it cannot do. Every attack is bounded, should the walls fail:
the bomb makes at most 64 processes, and the allocation asks for its limit first."""

import contextlib
import json
import os
import socket
import subprocess
import tempfile
import textwrap
import time
from pathlib import Path

import pytest

from brnb.sandbox import execute as sandbox
from brnb.sandbox.execute import Execution, Limits, NoIsolation, check_isolation, execute

QUICK = Limits(seconds=60, cpu_seconds=2, memory=256 * 2**20)


def shut_in():
    try:
        check_isolation()
    except NoIsolation as refusal:
        return str(refusal)
    return None


WHY = shut_in()
pytestmark = pytest.mark.skipif(WHY is not None, reason=WHY or "")


def run(source, *tests, limits=QUICK):
    return execute(textwrap.dedent(source), tests, limits)


def test_a_right_program_passes_and_a_wrong_one_fails():
    square = "import math\ndef quadrado(x):\n    return int(math.pow(x, 2))"
    assert run(square, "assert quadrado(3) == 9", "assert quadrado(-2) == 4") == Execution("passed")
    assert run(square, "assert quadrado(3) == 8").result == "failed"
    assert run("def f(:").detail.startswith("SyntaxError")
    assert run("def f(): return 1", "assert g() == 1").detail.startswith("NameError")


@pytest.mark.parametrize("stop", ["raise SystemExit(0)", "import os; os._exit(0)", "quit()"])
def test_a_program_that_stops_has_passed_nothing(stop):
    assert run(stop, "assert False").result in ("failed", "died")


def test_a_fork_bomb_makes_no_second_process():
    bomb = """
        import os, time
        for _ in range(6):
            os.fork()
        time.sleep(1)
    """
    assert run(bomb).detail.startswith("PermissionError")
    assert run("import threading; threading.Thread(target=print).start()").result == "failed"
    assert run("import os; os.execv('/bin/sh', ['sh'])").result == "failed"


def test_an_endless_loop_ends():
    assert run("while True: pass", limits=Limits(seconds=20, cpu_seconds=1)).result == "time"
    assert run("import time; time.sleep(60)", limits=Limits(seconds=1)).result == "time"
    caught = "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
    assert run(caught, limits=Limits(seconds=20, cpu_seconds=1)).result == "time"


def commands_of(program):
    """Command lines of the processes that run a program."""
    commands = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it may end while we look
            commands.append(path.read_bytes())
    return [command for command in commands if str(program).encode() in command]


def test_nothing_goes_on_when_time_is_over(tmp_path, monkeypatch):
    jail = tmp_path / "jail.py"  # its own path tells its process from those of other tests
    jail.write_bytes(sandbox.JAIL.read_bytes())
    monkeypatch.setattr(sandbox, "JAIL", jail)
    assert run("import time; time.sleep(60)", limits=Limits(seconds=0.5)).result == "time"
    for _ in range(600):  # the kernel ends the namespace when its first process is told to end
        if not (left := commands_of(jail)):
            break
        time.sleep(0.1)
    assert left == []


def test_ten_gigabytes_are_not_given():
    greedy = """
        import resource
        assert resource.getrlimit(resource.RLIMIT_AS)[1] <= 2**30
        held = bytearray(10 * 2**30)
    """
    assert run(greedy) == Execution("memory")
    assert run("x = []\nwhile True: x.append('a' * 2**20)") == Execution("memory")


def test_nobody_is_reached():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        call = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)"
        assert run(call).detail.startswith("PermissionError")


def test_no_file_of_the_machine_is_read_written_or_deleted(tmp_path):
    victim = tmp_path / "victim.txt"
    victim.write_text("safe")
    for attack in ("open({!r}).read()", "open({!r}, 'w')", "__import__('os').remove({!r})"):
        assert run(attack.format(str(victim))).detail.startswith("FileNotFoundError")
    assert run("open('/etc/passwd').read()").detail.startswith("FileNotFoundError")
    assert run(f"import os; os.remove({os.__file__!r})").detail.startswith(("OSError", "Perm"))
    assert victim.read_text() == "safe"


def test_a_link_out_of_the_folder_leads_nowhere(tmp_path):
    victim = tmp_path / "victim.txt"
    victim.write_text("safe")
    link = f"import os; os.symlink({str(victim)!r}, 'x'); open('x', 'w').write('gone')"
    assert run(link).result == "failed"
    up = "import os; os.symlink('/' + '../' * 9, 'up'); print(os.listdir('up/etc'))"
    assert run(up).detail.startswith("FileNotFoundError")
    assert victim.read_text() == "safe"


def test_its_own_folder_may_be_written_up_to_a_limit():
    assert run("open('x', 'w').write('a'); assert open('x').read() == 'a'").result == "passed"
    full = "with open('x', 'wb') as f:\n    while True: f.write(bytes(2**20))"
    assert run(full).result in ("failed", "died")
    assert list(Path("/work").glob("x")) == []


def test_the_environment_and_rights_are_gone():
    assert run("import os; assert not os.environ.get('HOME')").result == "passed"
    for right in ("os.chroot('/')", "os.mkfifo('/x')", "os.chown('/usr', 1, 1)", "os.setuid(1)"):
        assert run(f"import os; {right}").result == "failed"


def test_nothing_runs_where_nothing_can_be_shut_in(monkeypatch, tmp_path):
    fake = tmp_path / "jail.py"
    fake.write_text(
        sandbox.JAIL.read_text().replace("NEW_NAMESPACES = 0x1", "NEW_NAMESPACES = -0x1")
    )
    monkeypatch.setattr(sandbox, "JAIL", fake)
    with pytest.raises(NoIsolation, match=r"unshare: Invalid argument.*execute_code to False"):
        execute("open('/tmp/never', 'w')", [])


PLAIN_PYTHON = "/usr/bin/python3"  # ours may lie where another user cannot read it


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
@pytest.mark.skipif(not Path(PLAIN_PYTHON).exists(), reason=f"no {PLAIN_PYTHON} for other users")
@pytest.mark.parametrize(
    ("program", "outcome"), [("x = 1", "passed"), ("import os; os.fork()", "failed")]
)
def test_an_ordinary_user_is_shut_in_too(program, outcome):
    folder = tempfile.mkdtemp()
    os.chown(folder, 65534, 65534)
    job = {"program": program, "tests": [], "nonce": "n", "folder": folder}
    job |= {"cpu": 2, "memory": QUICK.memory}
    source = sandbox.JAIL.read_text()
    done = subprocess.run(
        [PLAIN_PYTHON, "-I", "-S", "-B", "-c", source],
        input=json.dumps(job).encode(), capture_output=True, cwd="/", env={}, timeout=120,
        user=65534, group=65534, extra_groups=[],
    )  # fmt: skip
    os.rmdir(folder)
    assert json.loads(done.stdout)["outcome"] == outcome


def test_an_answer_that_nobody_can_read_is_none():
    """Code may find the file of the answer; brackets within brackets exhaust a JSON reader."""
    forged = "import os\nos.write(3, b'[' * 60_000)"
    assert run(forged).result in {"died", "failed"}
