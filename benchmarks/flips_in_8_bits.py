"""What products in 8 bits change in a trained model's answers: greedy continuations of real text.

    python benchmarks/flips_in_8_bits.py CORPUS TOKENIZERS [--tokens 60000000] [--prompts 1000]

(wants a GPU of compute capability 8.9 or more; two minutes) CORPUS and TOKENIZERS are folders as
chapters 02 and 03 leave them (``reports/lab/runs/corpus``, ``…/tokenizer``). A model of v6's form
with lab's parameters is trained by the project's own loop, exported, and continues documents of
the test split from their first tokens. Three ways of computing are compared on the same prompts:
bf16 products, 8-bit products, and fp32, whose distance from bf16 is the yardstick: what rounding
turns in any case. A share that differs has Wilson's interval; the nats by which the true next
token costs more have Student's, over documents.

The results go to ``benchmarks/results/flips_in_8_bits.json``.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import yaml
from transformers import AutoModelForCausalLM, PreTrainedModel

from brnb.evaluate.statistics import Rate, student_interval
from brnb.extrinsic.flips import flips
from brnb.generate.continuous import generate
from brnb.generate.engine import Batching, Decoding, Engine
from brnb.models.export import to_llama
from brnb.models.transformer import TransformerLM
from brnb.pipeline import defaults
from brnb.train import fast
from brnb.train.loop import train
from brnb.train.params import V6Params
from brnb.train.rows import ResultText, load_result_text, load_rows

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "flips_in_8_bits.json"
RUN = "v6_rc16k_v5b_aligned"  # whose parameters these are
PROMPT, NEW, SLOTS, PREFILL = 64, 32, 256, 8192
WAYS = {"bf16": (torch.bfloat16, False), "fp32": (torch.float32, False)}
WAYS |= {"8_bits": (torch.bfloat16, True)}
PAIRS = (("8_bits", "bf16"), ("bf16", "fp32"), ("8_bits", "fp32"))


def settings(tokens: int, documents: int) -> V6Params:
    """Lab's parameters of the run for another number of tokens, validated at the end alone."""
    values = defaults(ROOT / "notebooks" / "09_v6_release_candidate.ipynb")
    values |= yaml.safe_load((ROOT / "params" / "lab" / f"{RUN}.yaml").read_text("utf-8"))
    values |= {"tokens": tokens, "validation_documents": documents, "checkpoint_seconds": 600.0}
    steps = -(-tokens // (values["batch_size"] * values["seq_len"]))
    return V6Params(**values | {"evaluate_every": steps})


def trained(
    corpus: Path, tokenizers: Path, params: V6Params, work: Path
) -> tuple[ResultText, dict[str, Any]]:
    """Train and export to ``work/hf``; the test split, and what is to be said of the training."""
    rows = load_rows(corpus, tokenizers, params, work)
    torch.manual_seed(params.seed)
    model = TransformerLM(**params.choices(rows.tokenizer.vocab_size))
    history = train(
        model, rows.train.ids, rows.validation.ids, params, work / "checkpoints", rows.identity,
        fast=fast.step_swaps,
    )  # fmt: skip
    to_llama(model.cpu(), work / "hf", tokenizers / params.tokenizer)
    return load_result_text(corpus, tokenizers, params, work), {
        "tokens": history.tokens,
        "passes": history.tokens / history.pass_tokens,
        "parameters": history.parameters,
        "seconds": history.seconds,
        "validation_loss": history.best["loss"],
    }


def prompts_of(text: ResultText, end: int, count: int) -> tuple[list[list[int]], list[int]]:
    """First tokens of the test documents that are longer, and the token that follows each."""
    ids = text.row.ids.astype(int).tolist()
    ends = [i for i, token in enumerate(ids) if token == end]
    starts = [0, *(place + 1 for place in ends[:-1])]
    long = [a for a, b in zip(starts, ends, strict=True) if b - a > PROMPT][:count]
    return [ids[a : a + PROMPT] for a in long], [ids[a + PROMPT] for a in long]


@torch.inference_mode()
def log_probabilities(
    model: PreTrainedModel, prompts: list[list[int]], in_8_bits: bool
) -> torch.Tensor:
    """Of every next token after each prompt, (prompts, V), by the engine that answers."""
    made = []
    for first in range(0, len(prompts), SLOTS):
        some = prompts[first : first + SLOTS]
        one = Engine(
            model, Decoding(NEW, in_8_bits=in_8_bits), Batching(SLOTS, PROMPT + NEW, PREFILL)
        )
        one.prefill(dict(enumerate(some)))
        slots = one.slots.direct(one.begins + one.position, one.position)
        logits = one.reader.logits(one.last, one.position, slots)[: len(some)]
        made.append(logits.float().log_softmax(-1).cpu())
    return torch.cat(made)


def answered(
    folder: Path, device: str, way: str, prompts: list[list[int]]
) -> tuple[list[list[int]], torch.Tensor]:
    """Greedy answers of one way of computing, and what it expects after each prompt."""
    dtype, in_8_bits = WAYS[way]
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).to(device).eval()
    shape = Batching(SLOTS, PROMPT + NEW, PREFILL, graph=device == "cuda")
    answers = sorted(generate(model, prompts, Decoding(NEW, in_8_bits=in_8_bits), shape))
    return [one.ids for one in answers], log_probabilities(model, prompts, in_8_bits)


def beside(one: Any, other: Any, following: list[int]) -> dict[str, Any]:
    """How far one way of computing is from another."""
    (answers, told), (others, told_other) = one, other
    firsts = told.argmax(-1) != told_other.argmax(-1)
    true = torch.tensor(following)[:, None]
    dearer = (told_other.gather(1, true) - told.gather(1, true))[:, 0]
    apart = (told_other.exp() * (told_other - told)).sum(-1)
    return {
        "first_token_differs": share(Rate(int(firsts.sum()), len(firsts))),
        f"answer_of_{NEW}_differs": share(flips(answers, others)),
        "nats_dearer": student_interval(dearer.double().numpy(), 0.95),
        "kl_nats": float(apart.mean()),
    }


def share(rate: Rate) -> dict[str, Any]:
    """A share with its interval."""
    return {"share": rate.value, "interval": rate.interval, "of": rate.trials}


def main() -> None:
    """Train, answer in three ways, compare."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("tokenizers", type=Path)
    parser.add_argument("--tokens", type=int, default=60_000_000)
    parser.add_argument("--prompts", type=int, default=1000)
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    name = torch.cuda.get_device_name() if device == "cuda" else device
    start, params = time.perf_counter(), settings(arguments.tokens, arguments.prompts)
    with tempfile.TemporaryDirectory() as work:
        task = arguments.corpus, arguments.tokenizers, params, Path(work)
        text, training = trained(*task)
        results: dict[str, Any] = {"device": name, "torch": torch.__version__}
        results["training"] = training
        print(f"{time.perf_counter() - start:.0f} s  {training}", flush=True)
        end = int(text.row.ids[-1])  # every document is closed by it
        prompts, following = prompts_of(text, end, arguments.prompts)
        ways = {way: answered(Path(work) / "hf", device, way, prompts) for way in WAYS}
    for one, other in PAIRS:
        results[f"{one}_against_{other}"] = beside(ways[one], ways[other], following)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"{time.perf_counter() - start:.0f} s  {json.dumps(results)}", flush=True)


if __name__ == "__main__":
    main()
