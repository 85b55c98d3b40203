"""Real architectures from their configurations: what each stores, remembers and computes."""
