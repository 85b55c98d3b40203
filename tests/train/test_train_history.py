"""The speed that a training's receipt states."""

from brnb.train.history import History


def test_the_speed_leaves_out_the_step_that_compiled():
    # 100 steps of 8 tokens: 30 s for the first, 0.5 s for each of the others.
    history = History(tokens=800, seconds=30 + 99 * 0.5, start_tokens=8, start_seconds=30.0)
    assert history.tokens_per_second == 16.0
    assert history.resources()["tokens_per_second"] == 16.0


def test_a_single_step_has_a_speed_all_the_same():
    history = History(tokens=8, seconds=4.0, start_tokens=8, start_seconds=4.0)
    assert history.tokens_per_second == 2.0


def test_several_gpus_count_with_the_memory_that_training_took_of_one():
    history = History(device="cuda", processes=4, peak_gpu_memory=7)
    assert history.resources().items() >= {"gpus": 4, "peak_gpu_memory": 7}.items()
    assert "peak_gpu_memory" not in History(device="cuda", peak_gpu_memory=7).resources()
    assert "gpus" not in History(device="cpu", processes=4).resources()
