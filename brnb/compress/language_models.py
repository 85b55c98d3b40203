"""The models that are made smaller, with one face: ours, a folder's, the hub's, a GGUF's."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from brnb.bases.gguf_header import require_gguf
from brnb.bases.reading import reading_base
from brnb.models.load import load_language_model
from brnb.progress import without_library_bars
from brnb.tokenizers import Tokenizer, load_tokenizer

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


class Predictor(Protocol):
    """Ids (B, T) and what came of those before to logits (B, T, V), and the same for the next."""

    def __call__(self, ids: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Score what follows each token."""


class HuggingFaceLM(nn.Module):
    """A causal model of transformers as a `Predictor`."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """See `Predictor`."""
        out = self.model(input_ids=ids, past_key_values=state or None, use_cache=True)
        return out.logits, out.past_key_values


class HuggingFaceTokenizer:
    """A tokenizer of transformers, as far as texts are encoded and answers decoded here."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.name: str = tokenizer.name_or_path
        self.vocab_size, self.eos_id = len(tokenizer), tokenizer.eos_token_id

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        """Ids of texts, with no special token."""
        ids: list[list[int]] = self.tokenizer(texts, add_special_tokens=False).input_ids
        return ids

    def decode(self, ids: list[int]) -> str:
        """Text of ids."""
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True)
        return text


@dataclass(frozen=True, eq=False)
class Original:
    """A model before anything is done to it.

    Attributes
    ----------
    name
        For tables.
    model
        A `Predictor`, in fp32, on the CPU.
    tokenizer
        The model's.
    window
        Tokens that it reads at a time.
    llama
        The same model as transformers' Llama, for GGUF; None if Llama cannot express it.
    """

    name: str
    model: nn.Module
    tokenizer: Any
    window: int
    llama: "LlamaForCausalLM | None"


def own_model(run: str, folder: Path, tokenizers: Path, params: dict[str, Any]) -> Original:
    """A model that a run of Track 1 left, with its Llama if it exported one.

    Parameters
    ----------
    folder, tokenizers
        Of the run, and of run ``tokenizer``.
    params
        Of the run's receipt.
    """
    from transformers import AutoModelForCausalLM

    require_weights(folder, "model.json")
    llama = None
    if (folder / "hf").is_dir():
        require_weights(folder / "hf")
        with without_library_bars():
            llama = AutoModelForCausalLM.from_pretrained(
                folder / "hf", dtype=torch.float32, trust_remote_code=False, use_safetensors=True
            ).eval()
    tokenizer: Tokenizer = load_tokenizer(tokenizers / params["tokenizer"])
    return Original(run, load_language_model(folder), tokenizer, params["seq_len"], llama)


def other_model(source: str, window: int) -> Original:
    """A causal model from a folder in Hugging Face's format, a ``.gguf`` file, or the hub.

    Raises
    ------
    FileNotFoundError
        If there is neither, or the folder has no weights.
    ValueError
        If its weights are pickles, which can run code; if it cannot be read.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    path, options = Path(source).expanduser(), dict[str, Any]()
    if path.is_dir():
        require_weights(path)
    elif path.suffix == ".gguf":
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file: give the path of a GGUF")
        options, source = {"gguf_file": path.name}, str(path.parent)
    with reading_base(str(path) if options else source):
        if options:
            require_gguf(path)
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False, **options)
        model = AutoModelForCausalLM.from_pretrained(
            source, dtype=torch.float32, trust_remote_code=False, use_safetensors=True, **options
        )
    llama = model.eval() if model.config.model_type == "llama" else None
    window = min(window, getattr(model.config, "max_position_embeddings", window))
    return Original(
        path.stem, HuggingFaceLM(model).eval(), HuggingFaceTokenizer(tokenizer), window, llama
    )


def other_models(sources: list[str], window: int, cleaning: str) -> list[tuple[Original, str]]:
    """Each of them as `other_model` loads it, with the cleaning of the text that it reads."""
    return [(other_model(source, window), cleaning) for source in sources]


def require_weights(folder: Path, config: str = "config.json") -> None:
    """Raise an error that names what a model folder lacks.

    Raises
    ------
    FileNotFoundError
        If it has no configuration, or no weights.
    ValueError
        If its only weights are pickles.
    """
    if not (folder / config).is_file():
        raise FileNotFoundError(
            f"{folder / config}: missing: give a folder that a model was saved to"
        )
    if any(folder.glob("*.safetensors")):
        return
    pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
    if pickles:
        raise ValueError(
            f"{folder / pickles[0]}: a pickle can run code, and is not read: save the model as "
            "safetensors (model.save_pretrained writes them)"
        )
    raise FileNotFoundError(f"{folder}: no *.safetensors in it: save the model's weights there")
