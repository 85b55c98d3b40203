"""Data and models never run: what would let them is nowhere in the package, and is tried."""

import ast
import json
import re
from pathlib import Path

import pytest
import torch

from brnb.bases.load import load_base, load_model
from brnb.finetune.lora import require_safetensors

PACKAGE = Path(__file__).parents[2] / "brnb"
CALLS = [
    (path.relative_to(PACKAGE).as_posix(), node)
    for path in sorted(PACKAGE.rglob("*.py"))
    for node in ast.walk(ast.parse(path.read_text("utf-8")))
    if isinstance(node, ast.Call)
]


def calls(*names):
    """File and text of every call of a function or method of one of these names."""
    said = ((file, node, ast.unparse(node.func)) for file, node in CALLS)
    return [(f, ast.unparse(n)) for f, n, name in said if name.split(".")[-1] in names]


def test_no_model_brings_code():
    loading = [c for c in calls("from_pretrained", "from_config") if c[1].startswith("Auto")]
    assert len(loading) >= 4
    safe = "trust_remote_code=False", "**SAFELY", "**options"
    assert [call for call in loading if not any(word in call[1] for word in safe)] == []
    texts = [path.read_text("utf-8") for path in PACKAGE.rglob("*.py")]
    assert not [text for text in texts if "trust_remote_code=True" in text]
    assert not [text for text in texts if '"trust_remote_code": True' in text]


def test_no_pickle_is_read_but_what_our_own_processes_pass_on():
    torchs = [(file, call) for file, call in calls("load") if call.startswith("torch.load")]
    unpickled = {file for file, call in torchs if "weights_only=True" not in call}
    unpickled |= {file for file, call in calls("load", "loads") if call.startswith("pickle")}
    assert unpickled == {"train/parallel.py", "algorithms/processes.py"}
    arrays = [call for _, call in calls("load") if call.startswith(("np.load", "numpy.load"))]
    assert not [call for call in arrays if "allow_pickle=True" in call]


def test_yaml_is_plain_and_no_text_becomes_a_command():
    texts = [path.read_text("utf-8") for path in PACKAGE.rglob("*.py")]
    assert not [text for text in texts if re.search(r"yaml\.(Unsafe|Full|C?)Loader", text)]
    assert not calls("unsafe_load", "full_load", "system", "popen", "eval_str")
    assert not [c for c in calls("run", "Popen", "check_output") if "shell=True" in c[1]]
    builtin = "eval(", "exec("
    executing = [file for file, call in calls("eval", "exec") if call.startswith(builtin)]
    assert executing == ["sandbox/jail.py"]  # an answer's program, in a process without rights


class Values:
    """What `load_base` asks of parameters."""

    precision, quantization, revision, double_quantization = "fp32", "none", None, False


EVIL = """
from pathlib import Path
Path({mark!r}).touch()
from transformers import PretrainedConfig
class EvilConfig(PretrainedConfig):
    model_type = "evil"
"""


@pytest.mark.parametrize("load", [load_base, load_model])
def test_the_code_of_a_model_never_runs(load, tmp_path, monkeypatch):
    mark, folder = tmp_path / "ran", tmp_path / "evil"
    folder.mkdir()
    (folder / "evil.py").write_text(EVIL.format(mark=str(mark)))
    kinds = {"AutoConfig": "evil.EvilConfig", "AutoModelForCausalLM": "evil.EvilConfig"}
    config = {
        "model_type": "evil",
        "auto_map": kinds | {"AutoTokenizer": ["evil.EvilConfig", None]},
    }
    (folder / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    with pytest.raises(ValueError, match=r"code of its own, which is never run|cannot be read"):
        load(str(folder), Values(), torch.device("cpu"))
    assert not mark.exists()


def test_weights_as_a_pickle_are_refused(tmp_path):
    config = {"model_type": "gpt2", "n_layer": 1, "n_head": 1, "n_embd": 8, "vocab_size": 9}
    (tmp_path / "config.json").write_text(json.dumps(config))
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match="with safetensors"):
        load_model(str(tmp_path), Values(), torch.device("cpu"))
    (tmp_path / "adapter_config.json").write_text("{}")
    torch.save({}, tmp_path / "adapter_model.bin")
    with pytest.raises(FileNotFoundError, match=r"adapter_model\.safetensors is missing"):
        require_safetensors(tmp_path)


def test_a_chat_template_is_in_a_sandbox():
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(tokenizer_object=_tokenizer())
    for attack in (
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.append(1) }}",
        "{{ cycler.__init__.__globals__.os.system('true') }}",
        "{{ messages[0].__init__.__globals__ }}",
    ):
        tokenizer.chat_template = attack
        with pytest.raises(Exception, match=r"unsafe|not safely callable|undefined"):
            tokenizer.apply_chat_template([{"role": "user", "content": "x"}], tokenize=False)


def test_a_loop_of_a_template_has_an_end():
    """One range is bounded by Jinja's sandbox; nested ones are not, and SECURITY.md says so."""
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(tokenizer_object=_tokenizer())
    tokenizer.chat_template = "{% for i in range(1000000000) %}x{% endfor %}"
    with pytest.raises(OverflowError, match="Range too big"):
        tokenizer.apply_chat_template([{"role": "user", "content": "x"}], tokenize=False)


def _tokenizer():
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    return Tokenizer(WordLevel({"x": 0}, unk_token="x"))
