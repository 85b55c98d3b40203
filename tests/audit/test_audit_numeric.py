"""The small tests of formulas against SciPy, NumPy and published values."""

import numpy as np
import pytest
from scipy import optimize, stats

from brnb.audit import attention, grim, numeric, properties
from brnb.audit.programmes import implied, our_share
from brnb.audit.reproduction import outcomes
from brnb.theory.costs import price_list_for
from brnb.thesis import load


def test_the_clip_of_a_quantiser_is_scipys() -> None:
    def error(clip: float) -> float:
        x = np.linspace(-8, 8, 160_001)
        kept = np.clip(np.round(x / clip * 7), -7, 7) * clip / 7
        return float(np.sum((x - kept) ** 2 * stats.norm.pdf(x)))

    right = optimize.minimize_scalar(error, bounds=(1.5, 4), method="bounded").x
    assert numeric.gaussian_clip(4) == pytest.approx(right, abs=0.05)
    assert numeric.gaussian_clip(8) == pytest.approx(3.92, abs=0.1)  # Banner et al. (2019)


def test_two_sided_probability_is_scipys() -> None:
    assert numeric.two_sided("2*Phi", "1") is True
    assert numeric.two_sided("2*Phi", "2") is not True
    assert numeric.normal_inside(0.7) == pytest.approx(stats.norm.cdf(0.7) - stats.norm.cdf(-0.7))


def test_a_ring_reduces_with_the_textbooks_chunks_only() -> None:
    assert numeric.ring_sums("r*a*n*k - i", "r*a*n*k - i + 1") is True
    assert numeric.ring_sums("r*a*n*k - i", "r*a*n*k - i") is not True


def test_means_that_binary_answers_can_have() -> None:
    assert grim.mean_possible(3.45, 20, 2)
    assert not grim.mean_possible(3.47, 20, 2)  # Brown and Heathers (2017)
    assert grim.possible(0.037, 0.013, 200, 3)
    assert not grim.possible(0.0365, 0.013, 200, 3, decimals=4)


def test_eigenvalues_do_not_bound_powers() -> None:
    matrix = np.array([[0.5, 4.0], [0.0, 0.5]])
    norm = np.linalg.norm(np.linalg.matrix_power(matrix, 3), 2)
    assert norm > 0.5**3
    assert attention.bounds_powers("(lambda_max)") is not True
    assert attention.bounds_powers("(sigma_max)") is True
    assert np.linalg.norm(matrix, 2) ** 3 >= norm


def test_moments_of_a_product_of_normals() -> None:
    draw = np.random.default_rng(13)
    products = (draw.normal(size=(20_000, 64)) * draw.normal(size=(20_000, 64))).sum(1)
    mean, variance = attention.product_moments(64)
    assert mean == pytest.approx(0, abs=1e-9)
    assert variance == pytest.approx(products.var(), rel=0.05)


def test_orders_of_growth() -> None:
    assert properties.same_degrees("n**2*d", "4*n*n*d + n*n") is True
    assert properties.same_degrees("n**2", "n**2*d") is not True
    assert properties.degree("n**2*d + n", "n", 2) is True
    assert properties.leading("n**2/d", "n**2/d + n", ["n"]) is True


def test_published_trainings_against_the_peak() -> None:
    row = {"parameters": 1e9, "tokens": 312e12 * 3600 / 6e9 / 2, "gpus": 1, "gpu": "a100_80gb"}
    row |= {"hours": 1, "kwh": 0.4, "kg_co2": None, "cost": None, "name": "m", "source": "s"}
    half = implied(row, 0.65)
    assert half.share == pytest.approx(0.5)
    assert half.watts == pytest.approx(400)
    assert half.plausible
    # 6e9 FLOP a token for 1e9 tokens, at our share of an H200's peak, at its price by the hour
    price = load("prices", "usd_per_hour", price_list_for("NVIDIA H200"), "prices", "h200_sxm")
    hours = 6e18 / (989.4e12 * our_share()) / 3600
    assert half.our_usd_per_billion == pytest.approx(hours * float(price), rel=1e-3)
    assert implied({**row, "hours": 0.5}, 0.65).plausible is False
    assert implied({**row, "hours": None}, 0.65).missing == ("hours",)


def test_an_interval_decides_what_is_reproduced(tmp_path) -> None:
    (tmp_path / "tab13.csv").write_text(
        "task,metric,source,baseline,gain,ci_low,ci_high\n"
        "QA,F1,Publicado,0.1,0.05,,\nQA,F1,Nosso (legacy),0.1,0.04,0.01,0.07\n"
        "QA,EM,Publicado,0.1,0.05,,\nQA,EM,Nosso (legacy),0.1,0.00,-0.01,0.01\n"
        "Resumo,R,Publicado,0.1,0.05,,\nResumo,R,Nosso (legacy),0.1,-0.04,-0.06,-0.02\n"
        "Reescrita,R,Publicado,0.1,0.05,,\n",
        encoding="utf-8",
    )
    (tmp_path / "tab07.csv").write_text(
        "run,source,tokens_billion,ppl,bits_per_byte\n"
        "v1,Publicado,10,4.6,\nv1,Nosso,10.5,4.7,1.9\nv2,Publicado,3,4.2,\nv2,Nosso,0.1,4.2,1.8\n",
        encoding="utf-8",
    )
    found = {outcome.place: outcome.verdict for outcome in outcomes(tmp_path)}
    assert found["Tabela 13: QA, F1"] == "reproduced"
    assert found["Tabela 13: QA, EM"] == "undecided"
    assert found["Tabela 13: Resumo, R"] == "differs"
    assert found["Tabela 13: Reescrita, R"] == "not comparable"
    assert found["Tabela 7: v1"] == "reproduced"
    assert found["Tabela 7: v2"] == "not comparable"
    assert found["Tabela 12"] == "not comparable"


def test_hypotheses_and_findings_have_verdicts_of_their_measures(tmp_path) -> None:
    tables = {
        "tab-hypotheses": "hypothesis,verdict\ni,sustentada\ni,sem decisão\niii,sustentada\n"
        "iii,contrariada\n",
        "tab-eval-hypotheses": "hypothesis,verdict\nii,contradicted\n",
        "tab-moe-hypotheses": "hypothesis,verdict\nH1,open\nH2,confirmada\n",
        "tab-finding": "measure,change,better\nbits,-0.6,True\nfallback,0,\nwords,0.1,True\n",
        "tab-legibility": "run,dictionary_share\nv1,0.5\nv2,0.4\nv3,0.45\nv4_subword_ep6,0.7\n"
        "v5_main,0.6\nv5b_long,0.8\n",
        "tab-alignment": "read_cleaning,run,change,ci_low,ci_high\nearly,a,,,\n"
        "early,b,-0.1,-0.2,0.1\n",
        "tab10": "run,source,short_piece_ratio,guardrails_pass\nv5b,Publicado,0.05,True\n"
        "v5b,Nosso,0.3,False\n",
        "tab11": "run,source,base_model,ppl\ncpt,Publicado,A,8.5\ncpt,Nosso,A,8.6\n",
        "tab-architectures": "model,printed_total,parameters_billion\nA,8.03,8.0303\n"
        "B,1.23,1.2358\n",
    }
    for name, text in tables.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    found = {(outcome.place, outcome.result): outcome for outcome in outcomes(tmp_path)}
    verdicts = {place: outcome.verdict for (place, _), outcome in found.items()}
    assert verdicts["4.4.1.2 (i)"] == "undecided"  # one measure for, one of no decision
    assert verdicts["4.4.1.2 (ii)"] == "differs"
    assert verdicts["4.4.1.2 (iii)"] == "undecided"  # one measure for, one against
    assert verdicts["003 (H1)"] == "undecided"
    assert verdicts["003 (H2)"] == "reproduced"
    assert verdicts["003 (H3)"] == "not comparable"
    assert verdicts["Tabela 10: v5b"] == "differs"
    assert verdicts["Tabela 11: CPT"] == "reproduced"
    assert verdicts["4.4.1.7 (early)"] == "undecided"
    assert found["004", "parameter_counts"].counts == (1, 1, 0)
    assert found["4.4.1.7", "loss_is_not_legibility"].verdict == "reproduced"
    tokenizer = found["4.4.1.7", "tokenizer_matters"]
    assert tokenizer.ours == pytest.approx(0.2 - 0.1)  # v5 to v5b gains 0.2, v1 to v2 loses 0.1
