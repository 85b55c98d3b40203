"""Models timed and scored one prompt at a time: benchmarks as data, timings, hypotheses."""
