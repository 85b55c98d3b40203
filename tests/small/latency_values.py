"""Parameters of small models to time."""

DENSE = {
    "model_type": "llama", "vocab_size": 300, "hidden_size": 64, "intermediate_size": 128,
    "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
    "max_position_embeddings": 4096, "tie_word_embeddings": True,
}  # fmt: skip
MIXTURE = DENSE | {
    "model_type": "mixtral", "intermediate_size": 64, "num_local_experts": 4,
    "num_experts_per_tok": 2,
}  # fmt: skip
VALUES = {
    "profile": "test", "run_id": "test", "seed": 3, "lang": "en",
    "shapes": {"dense": DENSE, "mixture": MIXTURE},
    "contestants": [
        {"name": "d", "family": "dense", "weights": "fp32", "shape": "dense"},
        {"name": "m", "family": "moe", "weights": "fp32", "shape": "mixture"},
    ],
    "pairings": [{"name": "equal_active", "moe": ["m"], "dense": ["d"]}],
    "vocabulary": "none", "items_per_task": 1, "external": {}, "external_items": 2,
    "new_tokens": {"dosmi_v2": 2, "expertise_map": 3, "external": 2}, "warm_up": 1, "repeats": 2,
    "execute_code": False, "device": "cpu", "resamples": 200, "confidence": 0.95,
}  # fmt: skip


class Bytes:
    """Every byte is a token; 256 ends an answer."""

    vocab_size, eos_id, ends = 257, 256, frozenset([256])

    def encode(self, text):
        return list(text.encode())[:400]

    def decode(self, ids):
        return bytes(i for i in ids if i < 256).decode("latin-1")
