"""Figure 1 follows pipeline.yaml."""

from brnb.chapters.roadmap import connections, fig_roadmap
from brnb.pipeline import Pipeline


def test_runs_rest_on_the_sections_that_the_dissertation_names():
    declared = Pipeline("smoke").declared
    linked = connections({run: spec["notebook"] for run, spec in declared.items()})
    assert set(linked) == {"3.1", "3.2", "3.3", "3.4", "3.5"}
    assert {"v1", "v4_subword", "v6_rc16k_v5b"} <= set(linked["3.2"])
    assert "sft_qlora_llama31_8b_instruct_canarim10k" in linked["3.4"]
    assert linked["3.5"] == ["scaling"]


def test_every_connected_run_is_drawn_by_its_name():
    fig = fig_roadmap({"v1": "04_v1_char_rnn", "scaling": "22_scaling_laws", "x": "99_x"}, "pt")
    texts = {text.get_text() for text in fig.axes[0].texts}
    assert {"v1", "Leis de escala", "3.4  LoRA e QLoRA"} <= texts
    assert "x" not in texts
