"""Samples of every kind of Transformer with its cache: those of reading the whole text again."""

from types import SimpleNamespace

import pytest
import torch
from model_forms import build
from model_kinds import BASE, KINDS
from torch import nn

from brnb.generate.samples import sample

TOKENIZER = SimpleNamespace(
    encode=lambda text: [ord(c) % 61 for c in text], decode=lambda ids: "", eos_id=-1
)


class Forgetful(nn.Module):
    """A model that keeps no cache but the text, and reads all of it for every token."""

    def __init__(self, model):
        super().__init__()
        self.model, self.choices = model, model.choices

    def forward(self, ids, state=None):
        text = ids if state is None else torch.cat((state, ids), dim=1)
        return self.model(text)[0], text


@pytest.mark.parametrize("kind", KINDS)
def test_a_cache_of_any_kind_changes_no_sample(kind):
    model = build(**BASE | KINDS[kind])
    told = TOKENIZER, ["ação", "b"], [0, 1], 11, 1.0, 0.9
    assert sample(model, *told) == sample(Forgetful(model), *told)
