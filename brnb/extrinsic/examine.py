"""Everything that one model is asked in the extrinsic evaluation, while it is loaded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from brnb.bases import template
from brnb.bases.load import DTYPES, load_base
from brnb.bases.locate import locate
from brnb.evaluate.statistics import Rate
from brnb.extrinsic.benchmarks import BenchmarkMarks, mark_benchmark, read_harness_tasks
from brnb.extrinsic.flips import Tokens, by_transformers, flips, one_at_a_time, spread
from brnb.extrinsic.judge import Verdicts, judge_both_orders
from brnb.extrinsic.language_tasks import read_opinions
from brnb.extrinsic.params import ExtrinsicParams
from brnb.extrinsic.predictions import Answers, answer_items, encode_prompt
from brnb.extrinsic.probes import choose, read_probes
from brnb.extrinsic.safety import attacks
from brnb.extrinsic.scores import Scores, score_answers
from brnb.extrinsic.temperatures import Setting, vary_temperature
from brnb.extrinsic.testsets import TASKS, Item
from brnb.finetune.budget import processes_for
from brnb.finetune.identity import weights_identity
from brnb.finetune.merge import load_adapted
from brnb.finetune.params import FinetuneParams, SftParams
from brnb.fingerprint import digest, reached
from brnb.generate.engine import Batching, Decoding, slot_length
from brnb.params import identity
from brnb.studies.adaptation import read_variant
from brnb.train.device import pick_device

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

VERDICT_TOKENS = 8  # room for one letter, and for a word before it


@dataclass(frozen=True)
class Answered:
    """What every model is asked, those that are only compared too.

    Attributes
    ----------
    answers, scores
        To the items of all test sets.
    translated
        Translations of the items of `brnb.extrinsic.language_tasks.read_translations`.
    chosen, felt
        Options of `brnb.extrinsic.probes.read_probes`, and of the opinions of
        `brnb.extrinsic.language_tasks.read_opinions`.
    external
        By task, the accuracies in external benchmarks (`brnb.extrinsic.benchmarks`).
    """

    answers: Answers
    scores: Scores
    translated: list[str]
    chosen: list[int]
    felt: list[int]
    external: dict[str, BenchmarkMarks]


@dataclass(frozen=True)
class Examined(Answered):
    """What baseline and adapted model said in the extrinsic evaluation.

    Attributes
    ----------
    flips
        How many answers are another one prompt at a time: ``alone`` in our engine, and as
        ``transformers`` generates it.
    settings
        The metrics at other temperatures.
    hidden, open
        Answers to `brnb.extrinsic.safety.attacks`, and to the same orders given openly.
    """

    flips: dict[str, Rate]
    settings: list[Setting]
    hidden: list[str]
    open: list[str]


def answers_identity(training: str, p: ExtrinsicParams) -> str:
    """Name what answers depend on, so that those of another evaluation are not taken for them.

    Parameters
    ----------
    training
        Content of the receipt of the training (`brnb.receipt.Receipt.content`), or what else tells
        one model from another.
    p
        The chapter's parameters.
    """
    code = reached(["brnb.extrinsic.predictions", "brnb.finetune.merge"])
    return digest([training, code, identity(p, "answers")])


def load_candidate(
    base: str, adapter: Path | None, trained: FinetuneParams, p: ExtrinsicParams
) -> tuple["PreTrainedModel", "PreTrainedTokenizerFast"]:
    """A model with merged weights: the dequantised base, or that with its adapters.

    Products of fp32 stay fp32: TF32, which some containers switch on by a variable, turns ties.

    Parameters
    ----------
    base, adapter
        The located base (`brnb.bases.locate.locate`); the folder of the adapters, or None.
    trained
        Parameters of the training.
    p
        Name the precision and the device.
    """
    torch.set_float32_matmul_precision("highest")
    frozen, tokenizer = load_base(base, trained, pick_device(p.device), processes_for)
    template.ensure_template(tokenizer)
    return load_adapted(frozen, adapter, DTYPES[p.precision]), tokenizer


def ask_model(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerFast",
    items: Sequence[Item],
    translations: Sequence[Item],
    p: ExtrinsicParams,
    work: Path,
) -> Answered:
    """Ask a model what every model is asked; an interrupted process is gone on with.

    Parameters
    ----------
    model, tokenizer
        As `load_candidate` gives them.
    items, translations
        The distinct items of all test sets, and what is to be translated.
    p
        The chapter's parameters.
    work
        Folder of this very model's answers.
    """
    ask = partial(answer_items, model, tokenizer, decoding=Decoding(p.max_new_tokens))
    said = ask(items, work / "answers.jsonl", batching=shapes(p, p.graph))
    others = ask(translations, work / "translations.jsonl", batching=shapes(p))
    return Answered(
        answers=said,
        scores=score_answers(items, said.predictions),
        translated=[prediction.text for prediction in others.predictions],
        chosen=choose(model, tokenizer, read_probes()),
        felt=choose(model, tokenizer, read_opinions()),
        external={
            task.name: mark_benchmark(model, tokenizer, task)
            for task in read_harness_tasks(p.benchmarks)
        },
    )


def examine_model(
    name: str,
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerFast",
    items: Sequence[Item],
    translations: Sequence[Item],
    p: ExtrinsicParams,
    work: Path,
) -> Examined:
    """Ask a model everything; what an interrupted process has answered is not asked again.

    Parameters
    ----------
    name
        Of the model, for the results.
    model, tokenizer, items, translations, p, work
        As for `ask_model`.
    """
    common = ask_model(model, tokenizer, items, translations, p, work)
    few = [item for task in TASKS for item in _of(items, task)[: p.temperature_items]]
    settings = vary_temperature(
        name,
        model,
        tokenizer,
        few,
        work / "settings",
        p.temperatures,
        p.generation_seeds,
        p.max_new_tokens,
        shapes(p),
    )
    suite = [item for attack in attacks() for item in (attack.hidden, attack.open)]
    path, greedy = work / "injection.jsonl", Decoding(p.max_new_tokens)
    obeyed = answer_items(model, tokenizer, suite, path, greedy, shapes(p)).predictions
    prompts = [encode_prompt(tokenizer, item) for item in items]
    said = common.answers.predictions
    return Examined(
        **vars(common),
        flips=_flips(model, prompts, [prediction.tokens for prediction in said], p),
        settings=settings,
        hidden=[prediction.text for prediction in obeyed[::2]],
        open=[prediction.text for prediction in obeyed[1::2]],
    )


def examine_both(
    base: str,
    adapter: Path,
    trained: FinetuneParams,
    items: Sequence[Item],
    translations: Sequence[Item],
    p: ExtrinsicParams,
    work: Path,
) -> tuple[Examined, Examined, Verdicts]:
    """Examine the baseline and the adapted model, one after another: a GPU need hold but one.

    Parameters
    ----------
    base, adapter, trained
        As for `load_candidate`.
    items, translations, p
        As for `ask_model`.
    work
        Folder for both models' answers.

    Returns
    -------
    baseline, adapted
        What they said.
    verdicts
        What the baseline, as a judge, thinks of both.
    """
    asked = items, translations, p
    model, tokenizer = load_candidate(base, adapter, trained, p)
    adapted = examine_model("adapted", model, tokenizer, *asked, work / "adapted")
    del model
    model, tokenizer = load_candidate(base, None, trained, p)
    baseline = examine_model("baseline", model, tokenizer, *asked, work / "baseline")
    said = baseline.answers, adapted.answers
    verdicts = judge_pairs(model, tokenizer, items, *said, p, work / "judge")
    return baseline, adapted, verdicts


def ask_others(
    trained: SftParams,
    intrinsic: Path,
    folder: Callable[[str], Path],
    items: Sequence[Item],
    translations: Sequence[Item],
    p: ExtrinsicParams,
    work: Path,
) -> dict[str, Answered]:
    """Ask the variants of chapter 14 and the models to compare with, one after another.

    Parameters
    ----------
    trained
        Parameters of the fine-tuning; other models are loaded with its precision, unquantised.
    intrinsic
        Folder of the run that trained the variants.
    folder
        Of a run (`brnb.pipeline.Pipeline.folder`).
    items, translations, p
        As for `ask_model`.
    work
        Folder for their answers.
    """
    plain = {"quantization": "none", "start": None}
    models: dict[str, tuple[SftParams, Path | None]] = {
        name: read_variant(intrinsic, trained, name) for name in p.variants
    }
    for other in p.compared:
        values = plain | {"base": other.base, "revision": other.revision}
        adapter = Path(locate(other.adapter, folder, "adapter")) if other.adapter else None
        models[other.name] = trained.model_copy(update=values), adapter
    answered = {}
    for name, (params, adapter) in models.items():
        base = locate(params.base, folder, "hf")
        weights = [weights_identity(base), adapter and weights_identity(str(adapter))]
        own = work / answers_identity(digest([weights, params.revision, params.quantization]), p)
        model, tokenizer = load_candidate(base, adapter, params, p)
        answered[name] = ask_model(model, tokenizer, items, translations, p, own / name)
        del model  # the next one may need its room
    return answered


def _flips(
    model: "PreTrainedModel", prompts: Tokens, said: Tokens, p: ExtrinsicParams
) -> dict[str, Rate]:
    """How many of the answers that `said` gives to all prompts are another, one at a time."""
    greedy = Decoding(p.max_new_tokens)
    shape = shapes(p, p.graph)(slot_length(prompts, greedy))

    def differ(count: int, ask: Callable[..., Tokens]) -> Rate:
        some = spread(len(prompts), count)
        again = ask(model, [prompts[i] for i in some], greedy)
        return flips([said[i] for i in some], again)

    return {
        "alone": differ(p.checked_items, partial(one_at_a_time, batching=shape)),
        "transformers": differ(p.compared_items, by_transformers),
    }


def judge_pairs(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerFast",
    items: Sequence[Item],
    first: Answers,
    second: Answers,
    p: ExtrinsicParams,
    work: Path,
) -> Verdicts:
    """Let a model judge two answers to the shortest items, in both orders.

    Parameters
    ----------
    model, tokenizer
        The judge.
    items, first, second
        The items and both models' answers to them.
    p
        Says how many pairs are judged.
    work
        Folder of the judge's replies.
    """
    order = sorted(range(len(items)), key=lambda i: (len(items[i].prompt), items[i].hash))
    chosen = order[: p.judged_items]

    def judge(prompts: list[str]) -> list[str]:
        asked = [Item(f"judged-{i:04d}", "qa", text, "", ("",)) for i, text in enumerate(prompts)]
        path = work / "judged.jsonl"
        path.unlink(missing_ok=True)  # its prompts hold answers: not worth keeping for a restart
        said = answer_items(model, tokenizer, asked, path, Decoding(VERDICT_TOKENS), shapes(p))
        return [prediction.text for prediction in said.predictions]

    texts = [[said.predictions[i].text for i in chosen] for said in (first, second)]
    return judge_both_orders(judge, [items[i] for i in chosen], *texts)


def shapes(p: ExtrinsicParams, graph: bool = False) -> Callable[[int], Batching]:
    """The shapes of the work for a slot length; a graph only where it is worth compiling."""
    return lambda length: Batching(p.slots, length, p.prefill_tokens, graph)


def _of(items: Sequence[Item], task: str) -> list[Any]:
    return [item for item in items if item.task == task]
