"""What each process does in test_train_parallel.py: `torchrun … two_processes.py DIR`."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import torch
import torch.distributed as dist
from tiny_training import TRAIN, VALIDATION, prepare
from torch.distributed.fsdp import FSDPModule

from brnb.train import gradients, sharding
from brnb.train.loop import Training, train
from brnb.train.muon import Muon
from brnb.train.parallel import GradientSum, World
from brnb.train.progress import TrainingDiverged

HALF = 6


def run(form, folder, **change):
    """Train a form to the end."""
    model, params = prepare(form, dropout=0.0, **change)
    return model, train(model, TRAIN, VALIDATION, params, folder, "data")


def half(form, folder, **change):
    """Train a form half-way, and save."""
    model, params = prepare(form, **{"dropout": 0.0} | change)
    training = Training(model, TRAIN, params, folder, "data")
    training.progress.disable = True
    while training.step < HALF:
        training.advance()
    training.save()
    training.checkpoint.wait()


def short_of_memory(form, folder):
    """Train with a second process that has room for one sequence only."""
    make_step = gradients.make_step

    def limited(*arguments):
        step = make_step(*arguments)

        def run_step(x, y, state, share):
            if len(x) > 1 and dist.get_rank() == 1:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return step(x, y, state, share)

        return run_step

    gradients.make_step = limited
    try:
        return run(form, folder)[1]
    finally:
        gradients.make_step = make_step


def sharded(form, folder):
    """Curves, and the sums of the best weights, of a training whose weights are spread."""
    model, params = prepare(form, dropout=0.0)
    history = train(model, TRAIN, VALIDATION, params, folder, "data", keep="best")
    assert isinstance(model, FSDPModule)
    sums = {name: part.sum().item() for name, part in sharding.whole(model.state_dict()).items()}
    return asdict(history) | {"sums": sums}


def diverge(folder):
    """What a training says that the second process poisons."""
    model, params = prepare("v4", log_every=3)

    def poison(module, arguments):
        if dist.get_rank() == 1 and training.step == 7:
            module.head.bias.data.fill_(float("nan"))

    model.register_forward_pre_hook(poison)
    training = Training(model, TRAIN, params, folder, "data")
    try:
        while True:
            training.advance()
            training.save()
    except TrainingDiverged as error:
        return str(error)


def weights_by_muon(world, normalise):
    """Weights after three updates; three matrices of a shape, of which one process has two."""
    shapes = [(32, 32), (64, 32), (32, 64), (32, 64), (16, 48)]
    drawn = torch.Generator().manual_seed(5)
    weights = [torch.nn.Parameter(torch.randn(shape, generator=drawn)) for shape in shapes]
    optimizer = Muon(weights, lr=1e-2, normalise=normalise, world=world)
    for _ in range(3):
        for weight in weights:
            weight.grad = torch.randn(weight.shape, generator=drawn)
        optimizer.step()
    return [weight.detach() for weight in weights]


def apart(normalise):
    """Largest difference between the weights that two processes and one alone make."""
    both = weights_by_muon(World(dist.get_rank(), 2), normalise)
    pairs = zip(both, weights_by_muon(World(), normalise), strict=True)
    return max((a - b).abs().max().item() for a, b in pairs)


def added_up(wire):
    """Sums of a matrix's and of a vector's gradients, and what they should be in fp32."""
    drawn = torch.Generator().manual_seed(dist.get_rank())
    weights = [torch.nn.Parameter(torch.zeros(shape)) for shape in ((5, 3), (7,))]
    for weight in weights:
        weight.grad = torch.randn(weight.shape, generator=drawn).bfloat16().float()
    expected = [World(dist.get_rank(), 2).total(weight.grad) for weight in weights]
    GradientSum(weights, wire).finish()
    return [weight.grad.tolist() for weight in weights], [total.tolist() for total in expected]


def main(folder: Path) -> None:
    """All of it; the first process writes what came out."""
    found = {form: asdict(run(form, folder / form)[1]) for form in ("v2", "v4", "v5", "v6", "v7")}
    half("v2", folder / "to_one")
    half("v1", folder / "dropout", dropout=0.2)
    model, params = prepare("v1")
    resumed = Training(model, TRAIN, params, folder / "dropout", "data")
    found["random"] = resumed.world.gather(torch.rand(1).item())
    found["from_one"] = asdict(run("v2", folder / "from_one")[1])
    found["memory"] = asdict(short_of_memory("v2", folder / "memory"))
    found["muon"] = {name: apart(name == "normuon") for name in ("muon", "normuon")}
    wires = {"fp32": torch.float32, "bf16": torch.bfloat16}
    found["added_up"] = {name: added_up(wire) for name, wire in wires.items()}
    found["in bf16"] = asdict(run("v6", folder / "in_bf16", precision="bf16")[1])
    found["diverged"] = diverge(folder / "diverged")
    sharding.is_needed = lambda model, device: True
    found["sharded"] = {form: sharded(form, folder / "sharded" / form) for form in ("v2", "v6")}
    half("v6", folder / "sharded_to_one")
    found["one_to_sharded"] = asdict(run("v6", folder / "one_to_sharded")[1])
    if dist.get_rank() == 0:
        (folder / "found.json").write_text(json.dumps(found))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
