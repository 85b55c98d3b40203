"""Language models: each maps token ids to the logits of the next token."""
