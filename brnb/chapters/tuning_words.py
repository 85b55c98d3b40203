"""Chapter 13: what becomes of the tuned model's file, in words."""

from pathlib import Path

from brnb.finetune.merge import CONVERTER, LLAMA_CPP, GgufUnavailable, to_gguf
from brnb.report.labels import label
from brnb.report.sentences import fill_sentence


def say_gguf(folder: Path, file: Path, lang: str) -> str:
    """Convert to GGUF where the converter is installed; says what came of it.

    A chapter's results do not depend on it: not every machine has the converter, and it does not
    know every tokenizer.
    """
    try:
        size = to_gguf(folder, file).stat().st_size / 2**20
    except GgufUnavailable as reason:
        if reason.told is None:
            return label("say_gguf_missing", lang).format(script=CONVERTER, variable=LLAMA_CPP)
        return fill_sentence("say_gguf_failed", lang, script=CONVERTER, told=reason.told)
    return fill_sentence("say_gguf", lang, file=file.name, size=size)
