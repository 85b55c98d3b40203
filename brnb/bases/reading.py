"""Models that others made: what a library raises at a bad file, told by the model's name."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


class OutOfBudget(RuntimeError):
    """Not even the smallest step fits into the memory."""


@contextmanager
def reading_base(base: str) -> Iterator[None]:
    """Say of whatever libraries raise at missing, damaged or foreign files which base it was.

    Raises
    ------
    FileNotFoundError
        If there is no such model here, and the hub gave none.
    ValueError
        If it cannot be read, or needs code of its own, which is never run.
    """
    try:
        yield
    except OSError as error:
        why = str(error).strip().partition("\n")[0]
        raise FileNotFoundError(
            f"base {base!r} is neither a folder in Hugging Face's format, with safetensors, nor a "
            "GGUF, nor a model that the hub gave: name another, or fetch it first with: "
            f"hf download {base} ({why})"
        ) from error
    except (torch.OutOfMemoryError, OutOfBudget):
        raise
    except Exception as error:  # tokenizers' are of no class of their own, gguf's of any
        if "trust_remote_code" in str(error):
            raise ValueError(
                f"base {base!r} needs code of its own, which is never run here: name a base that "
                "transformers itself knows"
            ) from None
        said = str(error) or type(error).__name__
        raise ValueError(f"base {base!r} cannot be read: {said}") from error
