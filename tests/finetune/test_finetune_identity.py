"""The name of a training changes with everything that it starts from and reads."""

import numpy as np
import torch
from safetensors.torch import save_file

from brnb.finetune.identity import data_identity
from brnb.finetune.packing import IGNORE, Example, pack


def packs(prompt):
    labels = np.arange(6)
    labels[:prompt] = IGNORE
    return pack([Example("x", np.arange(6), labels, 6)], 8, 0)


def test_the_name_covers_base_start_data_and_masks(tmp_path):
    for name, value in (("a", 0.0), ("b", 1.0)):
        (tmp_path / name).mkdir()
        save_file({"w": torch.full((2,), value)}, tmp_path / name / "model.safetensors")
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    names = [
        data_identity(a, None, None, packs(1), packs(1)),
        data_identity(b, None, None, packs(1), packs(1)),
        data_identity(a, None, b, packs(1), packs(1)),
        data_identity("hub/name", None, None, packs(1), packs(1)),
        data_identity("hub/name", "1a2b", None, packs(1), packs(1)),
        data_identity(a, None, None, packs(2), packs(1)),
        data_identity(a, None, None, packs(1), packs(2)),
    ]
    assert len(set(names)) == len(names)
    assert data_identity(a, None, None, packs(1), packs(1)) == names[0]
