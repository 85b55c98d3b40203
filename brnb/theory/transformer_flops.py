"""FLOPs of a GPT over a sequence, part by part (B.1.1.1, Eqs. B.1-B.18, Algorithm 10).

A multiplication and an addition are two FLOPs. The sequence has n positions, and every position
attends to all n: a causal mask needs half of that, `brnb.theory.compute.flops_per_token` halves it.
"""

from brnb.theory.compute import training_flops
from brnb.theory.units import Quantity, not_negative, positive

NORM_FLOPS = 5  # of an element: mean, difference, square and sum, root's share, quotient
NORMS = 2  # of a layer
BACKWARD = 2  # forward passes that a backward pass takes: gradients of inputs and of weights
PRINTED_OPTIMIZER = 1.2


def embedding_flops(width: int, seq_len: Quantity) -> Quantity:
    """FLOPs of looking n rows up and adding n positions: nd, the lookup is a copy (cf. Eq. B.1)."""
    positive("elements", width=width)
    not_negative("tokens", seq_len=seq_len)
    return seq_len * width


def printed_embedding_flops(vocab: int, width: int, seq_len: Quantity) -> Quantity:
    """2Vd + 2nd, as Eq. B.1 prints it: a lookup touches n rows, not V, and multiplies nothing."""
    not_negative("elements", vocab=vocab, width=width)
    not_negative("tokens", seq_len=seq_len)
    return 2 * vocab * width + 2 * seq_len * width


def attention_layer_flops(width: int, seq_len: Quantity) -> dict[str, Quantity]:
    """FLOPs of a layer's attention, by part: 8nd^2 + 4n^2 d in all (Eqs. B.2-B.6).

    Heads share d, so that their number does not matter. Softmax and scaling are not counted.
    """
    positive("elements", width=width)
    not_negative("tokens", seq_len=seq_len)
    return {
        "query_key_value": 6 * seq_len * width**2,
        "scores": 2 * seq_len**2 * width,
        "mixing": 2 * seq_len**2 * width,
        "output": 2 * seq_len * width**2,
    }


def feedforward_flops(width: int, hidden: int, seq_len: Quantity) -> dict[str, Quantity]:
    """FLOPs of a layer's two maps, d to d_ff and back: 4nd d_ff in all (Eqs. B.7-B.9)."""
    positive("elements", width=width, hidden=hidden)
    not_negative("tokens", seq_len=seq_len)
    return {"up": 2 * seq_len * width * hidden, "down": 2 * seq_len * hidden * width}


def norm_flops(width: int, seq_len: Quantity) -> Quantity:
    """FLOPs of a layer's two norms, five an element without gain and bias: 10nd (Eq. B.10)."""
    not_negative("elements", width=width)
    not_negative("tokens", seq_len=seq_len)
    return NORMS * NORM_FLOPS * seq_len * width


def head_flops(width: int, vocab: int, seq_len: Quantity) -> Quantity:
    """FLOPs of the language-modelling head, 2ndV (Eq. B.11)."""
    not_negative("tokens", seq_len=seq_len)
    positive("elements", width=width, vocab=vocab)
    return 2 * seq_len * width * vocab


def sequence_flops(
    layers: int, width: int, hidden: int, seq_len: Quantity, vocab: int
) -> dict[str, Quantity]:
    """Forward FLOPs of a sequence, by part (Eq. B.12 with a lookup that copies).

    Returns
    -------
    dict
        ``embedding``, ``attention``, ``feedforward``, ``norms`` and ``head``.
    """
    positive("layers", layers=layers)
    return {
        "embedding": embedding_flops(width, seq_len),
        "attention": layers * sum(attention_layer_flops(width, seq_len).values()),
        "feedforward": layers * sum(feedforward_flops(width, hidden, seq_len).values()),
        "norms": layers * norm_flops(width, seq_len),
        "head": head_flops(width, vocab, seq_len),
    }


def printed_sequence_flops(
    layers: int, width: int, hidden: int, seq_len: Quantity, vocab: int
) -> Quantity:
    """The total of Eq. B.12 as printed, B.1's 2Vd of a lookup included."""
    parts = sequence_flops(layers, width, hidden, seq_len, vocab)
    printed = parts | {"embedding": printed_embedding_flops(vocab, width, seq_len)}
    return sum(printed.values())


def printed_factored_flops(
    layers: int, width: int, hidden: int, seq_len: Quantity, vocab: int
) -> Quantity:
    """Eq. B.13, said to equal B.12: its second V/n should be V, so that the head shrinks n times.

    2nd (V/n + 1 + V/n) + L nd (8d + 4n + 4 d_ff + 10).
    """
    not_negative("layers", layers=layers)
    not_negative("elements", width=width, hidden=hidden, vocab=vocab)
    positive("tokens", seq_len=seq_len)
    ends = 2 * seq_len * width * (vocab / seq_len + 1 + vocab / seq_len)
    return ends + layers * seq_len * width * (8 * width + 4 * seq_len + 4 * hidden + 10)


def layers_flops(layers: int, width: int, seq_len: Quantity, hidden: int | None = None) -> Quantity:
    """Forward FLOPs of the layers' products alone, L nd (8d + 4n + 4 d_ff) (Eqs. B.14, B.15).

    The text drops the head "for n, d >> 1". It is small where V is against 12 L d: 0.3% of GPT-3,
    but 27% of GPT-2 with 124M parameters.

    Parameters
    ----------
    hidden
        d_ff; 4d without it, which makes L nd (24d + 4n).
    """
    not_negative("tokens", seq_len=seq_len)
    positive("elements", layers=layers, width=width)
    hidden = 4 * width if hidden is None else hidden
    return layers * seq_len * width * (8 * width + 4 * seq_len + 4 * hidden)


def step_flops(layers: int, width: int, seq_len: Quantity) -> Quantity:
    """FLOPs of training on a sequence: three forward passes (cf. Eqs. B.16 and B.17).

    With n much below d these are 72 L n d^2 = 6Nn for N = 12 L d^2, the rule of Eq. B.18.
    """
    return (1 + BACKWARD) * layers_flops(layers, width, seq_len)


def printed_step_flops(layers: int, width: int, seq_len: Quantity) -> Quantity:
    """Eq. B.16 as printed, 3.6 L nd (24d + 4n): 1.2 of it for the optimizer.

    AdamW takes about 12 FLOPs a parameter and step, whatever the tokens: 12N against 6N times the
    tokens of a batch. And 86.4 L n d^2 (B.17) is 7.2ND, not the 6ND that B.18 makes of it.
    """
    return PRINTED_OPTIMIZER * step_flops(layers, width, seq_len)


def layer_parameters(layers: int, width: int) -> int:
    """N = 12 L d^2: four maps of d x d and two of d x 4d in each layer (above Eq. B.18)."""
    positive("elements", layers=layers, width=width)
    return 12 * layers * width**2


def model_flops(layers: int, width: int, vocab: int, tokens: float) -> float:
    """FLOPs of training a GPT on D tokens, 6 (12 L d^2 + V d) D (Algorithm 10).

    V d counts once: as the head, which multiplies, not as the embedding, which does not.
    """
    not_negative("elements", vocab=vocab)
    return training_flops(layer_parameters(layers, width) + vocab * width, tokens)
