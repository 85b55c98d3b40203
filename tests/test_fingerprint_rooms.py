"""What each chapter depends on, room by room: a change elsewhere must not cost it a rerun."""

import re
from functools import cache
from pathlib import Path

import pytest

from brnb import fingerprint

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
# All may reach the press and the facts that it prints.
PRESS = {"chapters", "report", "thesis"}
ROOMS = """
01_rarity               text rarity
02_corpus               text
03_tokenizer            text tokenizers
04_v1_char_rnn          text tokenizers ops models train generate evaluate
05_v2_char_lm           text tokenizers ops models train generate evaluate
06_v3_stacked_lstm      text tokenizers ops models train generate evaluate
07_v4_subword_rnn       text tokenizers ops models train generate evaluate
08_v5_transformer       text tokenizers ops models train generate evaluate
09_v6_release_candidate text tokenizers ops models train generate evaluate
10_v7_modern_recipe     text tokenizers ops models train generate evaluate studies
11_track1_results       text tokenizers ops models train generate evaluate studies theory
12_cpt_qlora            text            ops        train bases finetune theory
13_sft_qlora            text            ops        train bases finetune theory
14_eval_intrinsic text tokenizers ops train bases finetune theory evaluate studies
15_eval_extrinsic text tokenizers ops train bases finetune theory generate evaluate studies \
    extrinsic
16_cost_tables          text theory
17_moe_dense    text tokenizers ops models train bases algorithms evaluate sandbox studies latency
18_architectures text tokenizers ops models train bases generate evaluate studies \
    algorithms architectures theory
19_quantization_distillation text tokenizers ops models train bases evaluate compress theory
20_attention            text tokenizers ops models train generate evaluate algorithms theory
21_compute_infrastructure text tokenizers ops models train algorithms theory
22_scaling_laws         text tokenizers ops models train generate evaluate studies theory
23_claims_audit         text audit theory
"""
# What of these rooms, and of the data, must not be reached.
NEVER = """
0[4-7]_ brnb.models.transformer    a recurrent model is no Transformer
0[4-7]_ brnb.ops.(attention|fp8|rope|activation|split_k|loss_fp8)   nor has it its operations
0[4-7]_ brnb.ops.kernels.(?!loss$|tuned$) or its kernels, but for the table of sizes
0[4-7]_ brnb.train.fast            or its fast parts
0[1-9]_ .*prices.yaml              a new price makes no training stale
10_     .*prices.yaml              nor the race
1[2-5]_ .*prices.yaml              nor an adaptation
20_     .*prices.yaml              nor what is looked at in trained models
.*      brnb.(usage|energy)        what a run cost is in its receipt, not in its identity
12_     brnb.studies               a changed ablation trains no CPT anew
12_     brnb.finetune.(chat|pairs) nor do the templates and pairs of instructions
12_     .*text.sample              nor the embedded sample, whose documents chapter 02 has read
(0|10|22).* brnb.(bases|finetune)  our own models know nothing of Hugging Face's
16_     brnb.(train|models)        and what is counted trains nothing
"""


@cache
def reached(notebook: str) -> frozenset[str]:
    return frozenset(fingerprint.code(NOTEBOOKS / f"{notebook}.ipynb"))


def table(text: str, columns: int) -> list[list[str]]:
    return [line.split(maxsplit=columns - 1) for line in text.strip().splitlines()]


@pytest.mark.parametrize(("notebook", "rooms"), table(ROOMS, 2))
def test_a_chapter_reaches_these_rooms(notebook, rooms):
    modules = (name.split(".") for name in reached(notebook) if name.startswith("brnb."))
    folders = {path[1] for path in modules if (fingerprint.PACKAGE / path[1]).is_dir()}
    assert folders - PRESS == set(rooms.split())


def test_every_chapter_has_its_rooms():
    assert {row[0] for row in table(ROOMS, 2)} == {path.stem for path in NOTEBOOKS.glob("*.ipynb")}


@pytest.mark.parametrize(("chapters", "pattern", "why"), table(NEVER, 3))
def test_a_chapter_does_not_reach(chapters, pattern, why):
    notebooks = [row[0] for row in table(ROOMS, 2) if re.match(chapters, row[0])]
    wrong = {(n, name) for n in notebooks for name in reached(n) if re.match(pattern, name)}
    assert notebooks
    assert wrong == set(), why
