"""llama.cpp on the CPU: rows of weights in its formats, and models that answer from a GGUF.

The functions are those of llama.cpp's own C interface, which the package xllamacpp carries and
exports. Its large structures of options are taken from llama.cpp's defaults and handed back as
they are, but for their first fields, so that they need not be declared here.
"""

import ctypes
from collections.abc import Sequence
from ctypes import POINTER, c_bool, c_char_p, c_float, c_int, c_int8, c_int32, c_size_t, c_void_p
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from gguf import GGMLQuantizationType

OPTIONS = 64  # 8-byte words, more than either structure of options has


class LlamaCppUnavailable(RuntimeError):
    """The library is not installed, or has no build for this machine."""


class _Options(ctypes.Structure):
    _fields_ = (("words", ctypes.c_uint64 * OPTIONS),)


class _Batch(ctypes.Structure):
    _fields_ = (
        ("n_tokens", c_int32),
        ("token", POINTER(c_int32)),
        ("embd", POINTER(c_float)),
        ("pos", POINTER(c_int32)),
        ("n_seq_id", POINTER(c_int32)),
        ("seq_id", POINTER(POINTER(c_int32))),
        ("logits", POINTER(c_int8)),
    )


# Result and arguments of what is called, from llama.h and ggml.h.
FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "llama_backend_init": (None,),
    "llama_log_set": (None, c_void_p, c_void_p),
    "llama_model_default_params": (_Options,),
    "llama_context_default_params": (_Options,),
    "llama_model_load_from_file": (c_void_p, c_char_p, _Options),
    "llama_init_from_model": (c_void_p, c_void_p, _Options),
    "llama_set_n_threads": (None, c_void_p, c_int32, c_int32),
    "llama_model_get_vocab": (c_void_p, c_void_p),
    "llama_vocab_n_tokens": (c_int32, c_void_p),
    "llama_batch_init": (_Batch, c_int32, c_int32, c_int32),
    "llama_batch_free": (None, _Batch),
    "llama_decode": (c_int32, c_void_p, _Batch),
    "llama_get_logits": (POINTER(c_float), c_void_p),
    "llama_get_memory": (c_void_p, c_void_p),
    "llama_memory_clear": (None, c_void_p, c_bool),
    "llama_tokenize": (
        *(c_int32, c_void_p, c_char_p, c_int32, POINTER(c_int32), c_int32, c_bool, c_bool),
    ),
    "llama_free": (None, c_void_p),
    "llama_model_free": (None, c_void_p),
    "ggml_quantize_chunk": (
        *(c_size_t, c_int, c_void_p, c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64),
        c_void_p,
    ),
}


@ctypes.CFUNCTYPE(None, c_int, c_char_p, c_void_p)
def _say_nothing(*_: Any) -> None:
    """What llama.cpp logs with: what matters is raised here as an error."""


@cache
def library() -> Any:
    """llama.cpp, loaded once.

    Raises
    ------
    LlamaCppUnavailable
        If it is not installed, or exports no C interface here.
    """
    try:
        from xllamacpp import xllamacpp as extension

        loaded = ctypes.CDLL(extension.__file__)
        for name, (result, *arguments) in FUNCTIONS.items():
            function = getattr(loaded, name)
            function.restype, function.argtypes = result, arguments
    except (ImportError, OSError, AttributeError) as error:
        raise LlamaCppUnavailable(
            "llama.cpp is not here: pip install xllamacpp, or leave the schemes of GGUF out of the "
            f"parameters ({error})"
        ) from error
    loaded.llama_log_set(_say_nothing, None)
    loaded.llama_backend_init()
    return loaded


def quantise_rows(
    values: np.ndarray, kind: "GGMLQuantizationType", importance: np.ndarray | None = None
) -> np.ndarray:
    """A matrix (N, K) in one of llama.cpp's formats, as bytes (N, bytes of a row).

    Parameters
    ----------
    importance
        Weight of each column's squared error, (K,), where it is known.
    """
    from gguf import GGML_QUANT_SIZES

    rows, columns = values.shape
    block, size = GGML_QUANT_SIZES[kind]
    source = np.ascontiguousarray(values, np.float32)
    target = np.empty((rows, columns // block * size), np.uint8)
    weights = None if importance is None else np.ascontiguousarray(importance, np.float32)
    pointer = None if weights is None else weights.ctypes.data
    library().ggml_quantize_chunk(
        int(kind), source.ctypes.data, target.ctypes.data, 0, rows, columns, pointer
    )
    return target


class LlamaCpp:
    """A GGUF on the CPU: ids in, logits out.

    Parameters
    ----------
    file
        The model.
    context
        Most tokens of a sequence.
    threads
        Cores to use.
    sequences
        How many are read at once.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If llama.cpp cannot read it.
    """

    def __init__(self, file: Path, context: int, threads: int, sequences: int = 1) -> None:
        if not file.is_file():
            raise FileNotFoundError(f"{file}: no such GGUF; write it with brnb.compress.gguf_file")
        self.lib = library()
        options = self.lib.llama_model_default_params()
        self.model = self.lib.llama_model_load_from_file(str(file).encode(), options)
        if not self.model:
            raise ValueError(f"{file}: llama.cpp cannot read this file: write it again")
        how, total = self.lib.llama_context_default_params(), context * sequences
        # its first fields: n_ctx, n_batch, n_ubatch, n_seq_max
        (ctypes.c_uint32 * 4).from_buffer(how)[:] = [total, total, total, sequences]
        self.context = self.lib.llama_init_from_model(self.model, how)
        self.lib.llama_set_n_threads(self.context, threads, threads)
        self.vocab = self.lib.llama_model_get_vocab(self.model)
        self.vocab_size: int = self.lib.llama_vocab_n_tokens(self.vocab)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.lib.llama_free(self.context)
        self.lib.llama_model_free(self.model)

    def forget(self) -> None:
        """Begin all sequences anew."""
        self.lib.llama_memory_clear(self.lib.llama_get_memory(self.context), True)

    def read(self, rows: Sequence[Sequence[int]], past: int = 0, every: bool = False) -> np.ndarray:
        """Read equally many tokens of every sequence.

        Parameters
        ----------
        rows
            Ids (B, T), after `past` others of the same sequences.
        every
            Whether to score what follows each token, or the last alone.

        Returns
        -------
        logits
            fp32, (B, T or 1, V).

        Raises
        ------
        ValueError
            If the sequences do not fit into the context.
        """
        count, length = len(rows), len(rows[0])
        batch = self.lib.llama_batch_init(count * length, 0, 1)
        batch.n_tokens = count * length
        for b, row in enumerate(rows):
            for t, token in enumerate(row):
                i = b * length + t
                batch.token[i], batch.pos[i] = int(token), past + t
                batch.n_seq_id[i], batch.seq_id[i][0] = 1, b
                batch.logits[i] = every or t == length - 1
        code = self.lib.llama_decode(self.context, batch)
        self.lib.llama_batch_free(batch)
        if code:
            raise ValueError(f"llama.cpp could not read {count} × {length} tokens (code {code})")
        shape = count, length if every else 1, self.vocab_size
        return np.ctypeslib.as_array(self.lib.llama_get_logits(self.context), shape).copy()

    def tokenize(self, text: str) -> list[int]:
        """Ids of a text by the vocabulary that the file holds."""
        data = text.encode()
        ids = (c_int32 * (len(data) + 8))()
        count = self.lib.llama_tokenize(self.vocab, data, len(data), ids, len(ids), False, False)
        return list(ids[:count])
