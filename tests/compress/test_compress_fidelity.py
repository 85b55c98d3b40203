"""Divergence, agreement and paired intervals against SciPy and hand calculation."""

import math

import numpy as np
import pytest
import torch
from model_forms import FORMS, build
from scipy.special import rel_entr, softmax

from brnb.compress.fidelity import fidelity, paired_change
from brnb.evaluate.intrinsic import DocumentNats, by_document
from brnb.train.rows import TokenRow

CPU, END = torch.device("cpu"), 2
random = np.random.default_rng(0)
DOCUMENTS = [[*random.integers(3, 61, size=n), END] for n in (9, 17, 4)]
ROW = TokenRow(np.concatenate(DOCUMENTS).astype(np.uint16), 3, np.array([40, 80, 20], np.uint32))


def model(seed):
    torch.manual_seed(seed)
    built = build(**FORMS["v6"])
    for parameter in built.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    return built


def test_nats_are_those_of_the_other_chapters():
    ours = fidelity(model(1), model(2), ROW, 8, END, CPU).documents
    torch.manual_seed(2)
    np.testing.assert_allclose(ours.nats, by_document(model(2), ROW, 8, END).nats, rtol=1e-5)


def test_divergence_and_agreement_are_those_of_the_probabilities():
    one, two = model(1), build(**FORMS["v6"])
    ids = torch.from_numpy(ROW.ids[:-1].astype(np.int64))[None]
    with torch.no_grad():
        p, q = (softmax(m(ids[:, :16])[0][0].double().numpy(), -1) for m in (one, two))
    short = TokenRow(ROW.ids[:17], 2, np.array([40, 80], np.uint32))
    found = fidelity(one, two, short, 16, END, CPU)
    assert found.divergence == pytest.approx(rel_entr(p, q).sum(-1).mean(), rel=1e-4)
    assert found.agreement == (p.argmax(-1) == q.argmax(-1)).mean()


def test_a_model_beside_itself():
    same = fidelity(model(1), model(1), ROW, 8, END, CPU)
    assert same.divergence == pytest.approx(0, abs=1e-9)
    assert same.agreement == 1


def test_a_change_is_a_ratio_of_sums_and_its_interval_is_that_of_the_differences():
    sizes = np.array([100.0, 300.0])
    before = DocumentNats(np.array([50.0, 400.0]), sizes)
    after = DocumentNats(before.nats + math.log(2) * sizes * 0.01, sizes)
    change = paired_change(before, after, 200, 0.95, 0)
    assert (change.value, change.low, change.high) == pytest.approx((0.01, 0.01, 0.01))


def test_models_of_other_documents_are_not_compared():
    one, two = (DocumentNats(np.ones(2), np.array(sizes)) for sizes in ([1.0, 2.0], [1.0, 3.0]))
    with pytest.raises(ValueError, match="other documents"):
        paired_change(one, two, 100, 0.95, 0)
