"""What each of four processes does in the tests of parallel algorithms; run once for all."""

import torch
import torch.nn.functional as F
from torch import nn

from brnb.algorithms import collectives, data_parallel, tensor_parallel
from brnb.algorithms.parallel_points import Clock, time_pipeline
from brnb.algorithms.pipeline_parallel import pipeline_step
from brnb.algorithms.processes import Wire
from brnb.algorithms.zero import Zero

SIZE, LENGTH, STEPS, LR = 4, 1000, 3, 0.05
MICRO_BATCHES = (1, 2, 3, 8, 16)  # of the pipelines of clocks


def vector(rank):
    """What a process adds to a sum."""
    return torch.randn(LENGTH, generator=torch.Generator().manual_seed(rank))


def layers():
    """Four layers, the same in every process; sizes that four does not divide."""
    torch.manual_seed(0)
    sizes = [(6, 9), (9, 9), (9, 9), (9, 3)]
    return [nn.Sequential(nn.Linear(a, b), nn.Tanh()) for a, b in sizes]


def batches():
    """Inputs and targets of each step."""
    drawn = torch.Generator().manual_seed(1)
    return [
        (torch.randn(16, 6, generator=drawn), torch.randn(16, 3, generator=drawn))
        for _ in range(STEPS)
    ]


def mean_square(model, x, y):
    """The loss."""
    return F.mse_loss(model(x), y)


def block():
    """Inputs, and weights of an MLP and of attention in four heads."""
    drawn = torch.Generator().manual_seed(2)
    shapes = {"x": (2, 5, 8), "up": (8, 16), "down": (16, 8)}
    shapes |= dict.fromkeys(("query", "key", "value", "out"), (8, 8))
    return {
        name: torch.randn(shape, generator=drawn, dtype=torch.float64)
        for name, shape in shapes.items()
    }


def slope(weights):
    """Gradient of half the squared distance to 1, in two directions of unlike curvature."""
    return torch.tensor([1.0, 0.25]) * (weights - 1)


def sums(rank):
    """All-reduces, and what this process sent for them."""
    ring, node = Wire(), Wire([0, 1] if rank < 2 else [2, 3])
    leaders = Wire([0, 2]) if rank % 2 == 0 else None
    total = collectives.ring_all_reduce(vector(rank), ring)
    tree = collectives.hierarchical_all_reduce(vector(rank), node, leaders)
    part = collectives.ring_reduce_scatter(torch.arange(10.0), Wire())
    return {
        "ring": total, "sent": ring.sent, "messages": ring.messages, "part": part, "tree": tree,
        "node": node.sent, "leaders": leaders.sent if leaders else 0,
    }  # fmt: skip


def synchronous():
    """Weights after synchronous SGD, and bytes."""
    model, wire = nn.Sequential(*layers()), Wire()
    data_parallel.synchronous_sgd(model, batches(), mean_square, LR, wire)
    return [weight.detach() for weight in model.parameters()], wire.sent


def tensor():
    """Outputs and the gradient of the input of a split MLP and of split attention."""
    given, found, wire = block(), {}, Wire()
    for name in ("mlp", "attention"):
        x = given["x"].clone().requires_grad_()
        if name == "mlp":
            up, down = (
                tensor_parallel.columns(given["up"], wire),
                tensor_parallel.rows(given["down"], wire),
            )
            y = tensor_parallel.megatron_mlp(x, up, down, wire)
        else:
            qkv = tuple(
                tensor_parallel.columns(given[part], wire) for part in ("query", "key", "value")
            )
            y = tensor_parallel.megatron_attention(
                x, qkv, tensor_parallel.rows(given["out"], wire), 4, wire
            )
        y.sin().sum().backward()
        found[name] = (y.detach(), x.grad)
    return found | {"sent": wire.sent}


def pipeline(rank):
    """Gradients of this process's stage, and what it did."""
    stage, (x, y), wire = layers()[rank], batches()[0], Wire()
    done = pipeline_step(stage, x.chunk(8), y.chunk(8), F.mse_loss, torch.empty(2, 9), wire)
    return [weight.grad for weight in stage.parameters()], done


def ticks(micro_batches):
    """Time on this process's clock after a pipeline's step."""
    return time_pipeline(Clock(), micro_batches, Wire())[0]


def zero(stage):
    """Weights after some steps of Adam, bytes held and bytes sent in the last of them."""
    wire = Wire()
    trainer = Zero(layers(), F.mse_loss, LR, stage, wire)
    for x, y in batches():
        before = wire.sent
        trainer.step(x.chunk(SIZE)[wire.rank], y.chunk(SIZE)[wire.rank])
    last = wire.sent - before
    weights = [collectives.ring_all_gather(part.part, wire)[: part.size] for part in trainer.layers]
    return weights, trainer.held_bytes(), last


def everything():
    """All of it."""
    rank = Wire().rank
    start = torch.zeros(2)
    return {
        "sums": sums(rank),
        "synchronous": synchronous(),
        "tensor": tensor(),
        "pipeline": pipeline(rank),
        "ticks": {micro_batches: ticks(micro_batches) for micro_batches in MICRO_BATCHES},
        "zero": {stage: zero(stage) for stage in (1, 2, 3)},
        "asynchronous": data_parallel.train_asynchronously(slope, start, 0.1, 400, Wire()),
    }
