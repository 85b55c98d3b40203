"""Every reader on damaged and hostile files: accepted, or refused with the file's name, in bounds.

``make fuzz`` reads 100,000 files: BRNB_FUZZ says how many in all.
"""

import gzip
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from faults_environment import ENVIRONMENT, IS_LONG
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from readers import make_readers
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.decoders import ByteLevel
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast

from brnb.extrinsic.predictions import encode_prompt
from brnb.extrinsic.testsets import Item

NAMES = [
    "corpus a.jsonl", "corpus a.json.gz", "corpus a.txt", "corpus a.parquet", "pairs", "test set",
    "split", "split of pairs", "receipt", "started.json", "hashes.json", "manifest", "curves",
    "samples", "documents.csv", "answers", "parameters", "pipeline.yaml", "notebook",
    "executed notebook", "config.json", "models.csv", "claims", "model.json", "model.safetensors",
    "characters", "tokenizer.model", "tokenizer_spec.json", "checkpoint", "rows.ids", "rows.bytes",
    "rows.json", "base config.json", "base tokenizer.json", "base tokenizer_config.json",
    "base model.safetensors", "GGUF",
]  # fmt: skip
# So many of each, and of prompts.
EXAMPLES = -(-int(os.environ.get("BRNB_FUZZ", "800")) // (len(NAMES) + 1))
SECONDS, MEBIBYTES = 60, 512  # what no file may take, and what no reader's may together
HOSTILE = [
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\\ud83d", b"\r", b"\r\n", b"[" * 3000, b"{" * 3000,
    b'{"a":' * 3000, b"NaN", b"-Infinity", b"1e999", b"null", b"[]", b"{}", b'""', b"true", b"-1",
    b"9" * 400, "\u202e".encode(), "\u2028".encode(), b"\x1b]0;x\x07", b"&a [*a]", b"!!python/x",
    b"../../x", b"",
]  # fmt: skip
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "insert", "delete", "repeat", "value"]),
        st.floats(0, 1, exclude_max=True),
        st.one_of(st.sampled_from(HOSTILE), st.binary(max_size=12)),
    ),
    min_size=1,
    max_size=4,
)


def edited(content: bytes, edits: list) -> bytes:
    """A file as a broken disk, a broken program or an enemy would leave it."""
    data = bytearray(content)
    for how, share, with_bytes in edits:
        place = int(share * len(data))
        if how == "flip" and data:
            data[place] ^= 1 << (len(with_bytes) % 8)
        elif how == "cut":
            del data[place:]
        elif how == "insert":
            data[place:place] = with_bytes
        elif how == "delete":
            del data[place : place + 1 + len(with_bytes)]
        elif how == "repeat":
            data[place:place] = data[place : place + 64] * 3
        elif how == "value":  # what stands between two separators
            end = min((e for e in (data.find(s, place) for s in b",\n}]") if e >= 0), default=place)
            begin = max(data.rfind(s, 0, place) for s in b":,\n[{") + 1
            data[begin : max(begin, end)] = with_bytes
    return bytes(data)


@pytest.fixture(scope="module")
def readers(tmp_path_factory):
    with pytest.MonkeyPatch.context() as quiet:
        quiet.setenv("TQDM_DISABLE", "1")
        made = make_readers(tmp_path_factory.mktemp("readers"))
        assert set(made) == set(NAMES)
        yield made


def peak_mebibytes() -> int:
    """The most memory that this process had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail if what is done in it does not end."""

    def too_long(*_: object) -> None:
        pytest.fail(f"read for {seconds} s")  # no Exception, so that no reader catches it

    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", NAMES)
def test_no_file_breaks_a_reader(name, readers, tmp_path, tally):
    reader, before = readers[name], peak_mebibytes()

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), database=None)
    @given(EDITS)
    def reads(edits):
        folder = tmp_path / "now"
        shutil.rmtree(folder, ignore_errors=True)
        path = folder / reader.file
        path.parent.mkdir(parents=True)
        path.write_bytes(edited(reader.content, edits))
        try:
            with within(SECONDS):
                reader.read(folder)
            said = ""
        except (ValueError, OSError, KeyError) as error:
            said = str(error) or repr(error)
        is_named = not said or Path(reader.file).name in said or "corpus" in said
        is_named = is_named or f"base {str(folder)!r} cannot be read" in said
        tally(f"fuzz {name}", lost=not is_named)
        assert is_named, said

    reads()
    assert peak_mebibytes() - before < MEBIBYTES


CONTROL = ("</s>", "<|user|>", "<|answer|>")
PIECES = ("</s", ">", "<|", "user|>", "\u202e", "\0", "e\u0301", "{{ 1 }}", "{% raw %}", "\r\n")


@pytest.fixture(scope="module")
def chat():
    """A tokenizer of bytes, two of whose control tokens have no role by name, as Llama 3's."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(BPE(dict(zip(letters, range(256), strict=True)), []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = ByteLevel()
    made.add_special_tokens(list(CONTROL))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, eos_token="</s>")
    tokenizer.chat_template = "<|user|>{{ messages[0]['content'] }}<|answer|>"
    return tokenizer


@settings(max_examples=max(EXAMPLES, 50), suppress_health_check=list(HealthCheck), database=None)
@given(st.lists(st.one_of(st.text(max_size=9), st.sampled_from(PIECES + CONTROL))).map("".join))
def test_a_prompt_is_read_as_text_or_refused(chat, tally, text):
    item = Item("item 7", "qa", text, "", ("x",))
    try:
        ids = encode_prompt(chat, item)
    except ValueError as error:
        is_safe = any(token in text for token in CONTROL) and "'item 7' spells" in str(error)
    else:
        is_safe = [i for i in ids if i > 255] == chat.convert_tokens_to_ids(list(CONTROL[1:]))
        is_safe = is_safe and chat.decode(ids) == f"<|user|>{text}<|answer|>"
    tally("fuzz prompts", lost=not is_safe)
    assert is_safe


MEASURE = """
import resource, sys
from pathlib import Path
from brnb.text.formats import rows_of
import pyarrow.parquet
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count = sum(1 for _ in rows_of(Path(sys.argv[1])))
print(count, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def nested(folder):
    row = {"title": "t", "paragraphs": [["a" * 2_000_000]]}
    pq.write_table(pa.table({"text": [row] * 640}), folder / "a.parquet", compression="zstd")
    return "a.parquet"


def flat(folder):
    pq.write_table(pa.table({"text": ["a" * 5_000_000] * 256}), folder / "a.parquet")
    return "a.parquet"


def one_line(folder):
    with gzip.open(folder / "a.jsonl.gz", "wb", compresslevel=1) as file:
        for _ in range(1024 if IS_LONG else 300):
            file.write(b"a" * 2**20)
    return "a.jsonl.gz"


def brackets(folder):
    (folder / "a.jsonl").write_bytes(b"[" * 10_000_000 + b"\n")
    return "a.jsonl"


@pytest.mark.parametrize("make", [nested, flat, one_line, brackets])
def test_small_files_take_no_large_memory(make, tmp_path, tally):
    """Each stands for 300 MB and more; none may take as much."""
    file = tmp_path / make(tmp_path)
    command = [sys.executable, "-c", MEASURE, str(file)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr[-2000:]
    _, mebibytes = map(int, done.stdout.split())
    tally(f"memory bound, {make.__name__}", lost=mebibytes >= 300)
    assert mebibytes < 300


def test_hostile_lines_go_to_quarantine_with_their_number(tmp_path, readers, tally):
    chance = random.Random(1)
    lines = [json.dumps({"text": f"linha {n}"}).encode() for n in range(200)]
    bad = sorted(chance.sample(range(200), 40))
    for place in bad:
        lines[place] = b"\xff" + chance.choice(HOSTILE).replace(b"\n", b"").replace(b"\r", b"")
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(lines))
    documents = readers["corpus a.jsonl"].read(tmp_path)
    with (tmp_path / "quarantine.jsonl").open(encoding="utf-8", newline="\n") as entries:
        found = [json.loads(entry)["line"] for entry in entries]
    tally("hostile lines", lost=found != [place + 1 for place in bad])
    assert found == [place + 1 for place in bad]
    assert len(documents) == 160
