"""Answers examined: test sets, predictions, scores, flips, a judge, safety, cultural probes."""
