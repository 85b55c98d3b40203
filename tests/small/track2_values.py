"""Values of a small run of Track 2, for tests that only look at some of them."""

COMMON = {
    "profile": "smoke", "run_id": "x", "seed": 3, "lang": "pt",
    "base": "none", "revision": None, "start": None,
    "quantization": "nf4", "double_quantization": True,
    "rank": 4, "alpha": 8, "dropout": 0.0, "target_modules": ["q_proj"],
    "seq_len": 64, "packs_per_step": 2, "epochs": 1,
    "learning_rate": 1e-3, "final_learning_rate": 0.1, "warmup": 0.0, "weight_decay": 0.0,
    "grad_clip": 1.0, "memory_limit_gib": None, "precision": "fp32", "device": "cpu",
    "log_every": 1, "evaluate_every": 1, "checkpoint_seconds": 1.0, "near_duplicate": 0.8,
}  # fmt: skip
CPT = COMMON | {
    "cleaning": "v6", "documents_from": "train", "documents": 8, "validation_documents": 3,
}  # fmt: skip
SFT = COMMON | {"instructions": "sample", "pairs": 40, "validation_share": 0.1, "test_share": 0.1}
