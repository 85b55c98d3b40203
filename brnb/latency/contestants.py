"""Models to be timed: loaded or drawn at random, their maps kept as asked, experts included.

Transformers 5 keeps the experts of a layer in two tensors, which bitsandbytes does not see: a
Mixtral loaded "in NF4" stays mostly in bf16. Here every expert is quantised as a map of its own,
as it was in the versions that the dissertation's authors used.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from brnb.bases.assembly import freeze
from brnb.bases.load import quiet
from brnb.bases.maps import quantise
from brnb.bases.reading import reading_base
from brnb.latency.params import Contestant, Weights

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

STD = 0.02  # of random weights
_Value = Callable[[str, Tensor], Tensor]


@dataclass(frozen=True)
class ModelSize:
    """Parameters of a model: all, and those that a token uses."""

    total: int
    active: int


def contestant_config(
    contestant: Contestant, shapes: dict[str, dict[str, Any]]
) -> "PreTrainedConfig":
    """The configuration of a contestant, from its shape or from its base.

    Raises
    ------
    FileNotFoundError
        If there is no such base here, and the hub gave none.
    ValueError
        If the shape is of an unknown family, or the base cannot be read.
    """
    from transformers import CONFIG_MAPPING, AutoConfig

    if contestant.shape is not None:
        shape = shapes[contestant.shape]
        if (kind := shape["model_type"]) not in CONFIG_MAPPING:
            close = get_close_matches(str(kind), CONFIG_MAPPING, n=1)
            hint = f"; did you mean {close[0]}?" if close else ": name a model_type that it has"
            where = f"shapes, {contestant.shape}: model_type = {kind!r}"
            raise ValueError(f"{where} is unknown to transformers{hint}")
        return AutoConfig.for_model(**shape)
    with reading_base(str(contestant.base)):
        return AutoConfig.from_pretrained(
            str(contestant.base), revision=contestant.revision, trust_remote_code=False
        )


def model_size(config: "PreTrainedConfig") -> ModelSize:
    """Parameters by configuration alone: nothing is loaded."""
    model = _empty(config, torch.float32)
    total = sum(parameter.numel() for parameter in model.parameters())
    routed = sum(p.numel() for experts in _experts(model) for p in experts.parameters())
    text: Any = config.get_text_config()
    if not routed:
        return ModelSize(total, total)
    most = next(len(experts.gate_up_proj) for experts in _experts(model))
    return ModelSize(total, total - routed + routed * text.num_experts_per_tok // most)


def load_contestant(
    contestant: Contestant, config: "PreTrainedConfig", device: torch.device, seed: int
) -> "PreTrainedModel":
    """The model, frozen, on its device; no more than one map exists there in full beside it.

    Parameters
    ----------
    contestant, config
        What to load, and its `contestant_config`.
    device
        Where it goes.
    seed
        Of random weights.

    Raises
    ------
    FileNotFoundError
        If a base has no weights as safetensors: a pickle can run code, and is not read.
    ValueError
        If its weights cannot be read.
    """
    from transformers import GenerationConfig

    dtype = torch.float32 if contestant.weights == "fp32" else torch.bfloat16
    device = torch.empty(0, device=device).device  # "cuda" is "cuda:0" from here on
    torch.manual_seed(seed)
    with quiet():
        if contestant.shape is not None:
            model, value = _empty(config, dtype), _drawn
        else:
            model, value = _read(contestant, dtype), _as_it_is
        _place(model, value, contestant.weights, dtype, device)
    _renew_buffers(model, config, device)
    if contestant.experts:
        model.set_experts_implementation(contestant.experts)
    model = freeze(model).eval()
    model.config.use_cache = True
    # greedy, and never at an end: every answer takes all the tokens that it is given
    model.generation_config = GenerationConfig(do_sample=False, eos_token_id=None, pad_token_id=0)
    return model


def _empty(config: "PreTrainedConfig", dtype: torch.dtype) -> "PreTrainedModel":
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config, dtype=dtype, trust_remote_code=False)


def _read(contestant: Contestant, dtype: torch.dtype) -> "PreTrainedModel":
    from transformers import AutoModelForCausalLM

    base = str(contestant.base)
    options: dict[str, Any] = {"revision": contestant.revision, "trust_remote_code": False}
    with reading_base(base):  # never a pickle
        return AutoModelForCausalLM.from_pretrained(
            base, dtype=dtype, use_safetensors=True, **options
        )


def _drawn(name: str, like: Tensor) -> Tensor:
    """Norms of ones, all else N(0, 0.02²)."""
    return like.fill_(1) if name.endswith("norm.weight") else like.normal_(std=STD)


def _as_it_is(name: str, like: Tensor) -> Tensor:
    return like


def _place(
    model: "PreTrainedModel",
    value: _Value,
    weights: Weights,
    dtype: torch.dtype,
    device: torch.device,
) -> None:
    """Give every parameter its value and place; maps of the blocks in their format at once."""
    make = {"nf4": quantise, "int8": _in_int8}.get(weights)
    head = model.get_output_embeddings()

    def full(name: str, like: Tensor) -> Tensor:
        there = torch.empty_like(like, device=device) if like.is_meta else like.to(device)
        return value(name, there.to(dtype))

    for path, module in list(model.named_modules()):
        for name, child in list(module.named_children()):
            where = f"{path}.{name}"
            if make and isinstance(child, nn.Linear) and child is not head:
                bias = child.bias
                if bias is not None:
                    bias = nn.Parameter(full(f"{where}.bias", bias), False)
                setattr(module, name, make(full(f"{where}.weight", child.weight), bias))
            elif make and _is_experts(child):
                gate_up = full(f"{where}.gate_up_proj", child.gate_up_proj)
                down = full(f"{where}.down_proj", child.down_proj)
                setattr(module, name, ExpertMaps(child, gate_up, down, make))
    tied = head.weight is model.get_input_embeddings().weight or model.config.tie_word_embeddings
    for path, module in model.named_modules():
        for name, like in list(module.named_parameters(recurse=False)):
            if like.device != device and not (tied and module is head):
                setattr(module, name, nn.Parameter(full(f"{path}.{name}", like), False))
    if tied:
        model.tie_weights()


def _renew_buffers(
    model: "PreTrainedModel", config: "PreTrainedConfig", device: torch.device
) -> None:
    """Buffers that the constructor computes and no file holds: frequencies and scales."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if any(buffer.is_meta for buffer in child.buffers(recurse=False)):
                if isinstance(child, nn.Embedding):  # Gemma's, scaled
                    child.embed_scale = torch.tensor(child.scalar_embed_scale, device=device)
                else:
                    setattr(module, name, type(child)(config=config).to(device))
    for module in model.modules():
        for name, buffer in list(module.named_buffers(recurse=False)):
            if buffer.device != device:
                setattr(module, name, buffer.to(device))


def _in_int8(weight: Tensor, bias: nn.Parameter | None = None) -> nn.Module:
    """A frozen map in 8-bit integers with outliers apart (Dettmers et al., 2022)."""
    from bitsandbytes.nn.modules import Int8Params, Linear8bitLt

    rows, columns = weight.shape
    module = Linear8bitLt(columns, rows, bias=False, has_fp16_weights=False, threshold=6.0)
    module.weight = Int8Params(weight.cpu(), has_fp16_weights=False, requires_grad=False)
    module.register_parameter("bias", bias)
    return module.to(weight.device)


def _is_experts(module: nn.Module) -> bool:
    """Whether a module holds the experts of a layer in two tensors, as Transformers 5 does."""
    names = {name for name, _ in module.named_parameters(recurse=False)}
    return names == {"gate_up_proj", "down_proj"}


def _experts(model: nn.Module) -> Iterator[Any]:
    return (module for module in model.modules() if _is_experts(module))


class ExpertMaps(nn.Module):
    """The experts of a layer as maps of their own, visited one after the other.

    Parameters
    ----------
    experts
        Whose activation it shares.
    gate_up, down
        Their matrices, (E, 2·hidden, width) and (E, width, hidden).
    make
        Turns a matrix into a map.
    """

    def __init__(
        self, experts: Any, gate_up: Tensor, down: Tensor, make: Callable[[Tensor], nn.Module]
    ) -> None:
        super().__init__()
        self.activation = experts.act_fn
        self.gate_up = nn.ModuleList(make(matrix.contiguous()) for matrix in gate_up)
        self.down = nn.ModuleList(make(matrix.contiguous()) for matrix in down)

    def forward(self, x: Tensor, chosen: Tensor, shares: Tensor) -> Tensor:
        """Sum of the chosen experts' outputs, (N, width); `chosen` and `shares` are (N, k)."""
        out = torch.zeros_like(x)
        for expert in chosen.unique().tolist():
            token, slot = (chosen == expert).nonzero(as_tuple=True)
            gate, up = self.gate_up[expert](x[token]).chunk(2, dim=-1)
            y = self.down[expert](self.activation(gate) * up) * shares[token, slot, None]
            out.index_add_(0, token, y.to(out.dtype))
        return out
