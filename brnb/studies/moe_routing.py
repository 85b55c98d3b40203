"""Which experts a mixture uses: how evenly, how surely, and for which registers of text."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from brnb.models.moe import MoE, choose_experts, mixtures

if TYPE_CHECKING:
    import pandas as pd

    from brnb.models.transformer import TransformerLM
    from brnb.studies.moe_pairs import FormTraining
    from brnb.tokenizers import Tokenizer

WINDOWS = 64  # at a time
CHANCE = 0.95  # of permuted texts, what specialisation has to pass


def load_frame(trainings: Sequence["FormTraining"], row: np.ndarray, window: int) -> "pd.DataFrame":
    """How busy each expert is with a text.

    Parameters
    ----------
    trainings
        Of which the mixtures on equal tokens are looked at.
    row
        Token ids, shape (N,).
    window
        Tokens that the model reads at a time.

    Returns
    -------
    DataFrame
        Columns seed, layer (from 0), expert, share (of all choices), uniform (1/E).
    """
    import pandas as pd

    table = []
    for seed, model in _mixtures_of(trainings):
        counts, _ = routing(model, row, window)
        for layer, count in enumerate(counts):
            for expert, share in enumerate(count / count.sum()):
                uniform = 1 / len(count)
                table.append((seed, layer, expert, share, uniform))
    return pd.DataFrame(table, columns=["seed", "layer", "expert", "share", "uniform"])


def entropy_frame(
    trainings: Sequence["FormTraining"], row: np.ndarray, window: int
) -> "pd.DataFrame":
    """How sure routers are of a token, and how even the loads of all tokens are.

    Parameters are those of `load_frame`.

    Returns
    -------
    DataFrame
        Columns seed, layer, token_entropy (bits, mean over tokens, of a token's scores),
        load_entropy (bits, of the loads), largest (log2 E), imbalance (the busiest expert's load
        over the mean).
    """
    import pandas as pd

    table = []
    for seed, model in _mixtures_of(trainings):
        for layer, (count, sure) in enumerate(zip(*routing(model, row, window), strict=True)):
            largest, imbalance = np.log2(len(count)), count.max() / count.mean()
            table.append((seed, layer, sure, entropy(count), largest, imbalance))
    names = ["seed", "layer", "token_entropy", "load_entropy", "largest", "imbalance"]
    return pd.DataFrame(table, columns=names)


def register_frame(
    trainings: Sequence["FormTraining"],
    registers: Mapping[str, Sequence[str]],
    tokenizer: "Tokenizer",
) -> "pd.DataFrame":
    """Which experts the tokens of each register go to.

    Parameters
    ----------
    trainings
        Of which the mixtures on equal tokens are looked at.
    registers
        Documents by register: law, code, novels.
    tokenizer
        That of the models.

    Returns
    -------
    DataFrame
        Columns seed, layer, register, expert, share (of the register's choices), lift (that over
        the expert's share of all registers together, each with equal weight).
    """
    import pandas as pd

    table = []
    for seed, model in _mixtures_of(trainings):
        names, counts = register_counts(model, registers, tokenizer)
        for layer in range(counts.shape[1]):
            shares = _shares(names, counts[:, layer])
            mean = np.mean(list(shares.values()), axis=0)
            for register, share in shares.items():
                lifts = share / np.maximum(mean, 1e-12)
                for expert, (part, lift) in enumerate(zip(share, lifts, strict=True)):
                    table.append((seed, layer, register, expert, part, lift))
    columns = ["seed", "layer", "register", "expert", "share", "lift"]
    return pd.DataFrame(table, columns=columns)


def specialisation_frame(
    trainings: Sequence["FormTraining"],
    registers: Mapping[str, Sequence[str]],
    tokenizer: "Tokenizer",
    permutations: int = 200,
) -> "pd.DataFrame":
    """How many bits an expert tells about the register of its token, beside chance.

    Chance is what texts tell whose registers are dealt out again: documents differ, whatever they
    are called. Parameters are those of `register_frame`.

    Returns
    -------
    DataFrame
        Columns seed, layer, information (bits), chance (95% of permutations have less),
        specialised.
    """
    import pandas as pd

    random, table = np.random.default_rng(0), []
    for seed, model in _mixtures_of(trainings):
        names, counts = register_counts(model, registers, tokenizer)
        dealt = [random.permutation(names) for _ in range(permutations)]
        for layer in range(counts.shape[1]):
            known = information(_shares(names, counts[:, layer]))
            by_chance = [information(_shares(deal, counts[:, layer])) for deal in dealt]
            chance = float(np.quantile(by_chance, CHANCE))
            table.append((seed, layer, known, chance, known > chance))
    columns = ["seed", "layer", "information", "chance", "specialised"]
    return pd.DataFrame(table, columns=columns)


def information(shares: Mapping[str, np.ndarray]) -> float:
    """Mutual information of register and expert in bits, all registers equally probable: the
    entropy of the mean of their distributions, less the mean of their entropies."""
    each = list(shares.values())
    mean = np.mean(each, axis=0)
    return entropy(mean) - float(np.mean([entropy(share) for share in each]))


def entropy(weights: np.ndarray) -> float:
    """Bits of a distribution that is proportional to some weights."""
    p = weights / weights.sum()
    p = p[p > 0]
    return float(-(p * np.log2(p)).sum())


def register_counts(
    model: "TransformerLM", registers: Mapping[str, Sequence[str]], tokenizer: "Tokenizer"
) -> tuple[list[str], np.ndarray]:
    """The register of each document, and how many of its choices fell on each expert of each layer,
    (documents, layers, E)."""
    names, counts = [], []
    for register, texts in registers.items():
        for text in texts:
            ids = np.asarray(tokenizer.encode(text), dtype=np.int64)
            if len(ids):
                names.append(register)
                counts.append(routing(model, ids, model.choices.context)[0])
    return names, np.array(counts)


@torch.no_grad()
def routing(
    model: "TransformerLM", row: np.ndarray, window: int
) -> tuple[list[np.ndarray], list[float]]:
    """Of each layer, the choices that fell on each expert, (E,), and the mean entropy of a token's
    scores, in bits."""
    parts, device = list(mixtures(model)), next(model.parameters()).device
    counts = [torch.zeros(part.choices.count, device=device) for part in parts]
    sums, tokens = [torch.zeros((), device=device) for _ in parts], 0
    was_training = model.training
    model.eval()
    for ids in _windows(row, window):
        for layer, logits in enumerate(_logits(model, parts, ids.to(device))):
            scores = parts[layer].scores(logits)
            chosen, _ = choose_experts(scores, parts[layer].bias, parts[layer].choices)
            counts[layer] += torch.bincount(chosen.flatten(), minlength=scores.shape[1])
            p = scores / scores.sum(-1, keepdim=True)
            sums[layer] -= torch.special.xlogy(p, p).sum() / np.log(2)
        tokens += ids.numel()
    model.train(was_training)
    return [c.cpu().double().numpy() for c in counts], [float(s) / tokens for s in sums]


def _logits(model: "TransformerLM", parts: Sequence[MoE], ids: Tensor) -> list[Tensor]:
    """What each router says of tokens (B, T): (B·T, E)."""
    said: list[Tensor] = []
    hooks = [
        part.router.register_forward_hook(lambda _module, _inputs, logits: said.append(logits))
        for part in parts
    ]
    try:
        model(ids)
    finally:
        for hook in hooks:
            hook.remove()
    return said


def _windows(row: np.ndarray, window: int) -> Iterable[Tensor]:
    """Ids (B, window), then what is left of the row, (1, rest)."""
    ids = torch.from_numpy(np.asarray(row, dtype=np.int64))
    whole = len(ids) // window * window
    yield from ids[:whole].view(-1, window).split(WINDOWS) if whole else ()
    if whole < len(ids):
        yield ids[None, whole:]


def _shares(names: Iterable[str], counts: np.ndarray) -> dict[str, np.ndarray]:
    """Of each register, the experts' shares of its choices."""
    of = np.array(list(names))
    sums = {str(name): counts[of == name].sum(0) for name in dict.fromkeys(of.tolist())}
    return {name: count / count.sum() for name, count in sums.items()}


def _mixtures_of(trainings: Sequence["FormTraining"]) -> Iterable[tuple[int, "TransformerLM"]]:
    return ((t.seed, t.model) for t in trainings if (t.form, t.budget) == ("moe", "tokens"))
