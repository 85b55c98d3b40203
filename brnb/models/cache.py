"""How much a Transformer keeps of the tokens so far: its cache as a function of the context."""

from brnb.models.choices import Choices


def cache_elements(c: Choices, tokens: int) -> int:
    """Numbers that the state holds after so many tokens of one text, in all blocks.

    A key and a value of each key-value head; in local blocks of the tokens that a later query can
    see, one less than the window; in latent attention one latent and one rotated key.

    Parameters
    ----------
    c
        What the model is made of.
    tokens
        Of the text so far.
    """
    if c.kv_rank is not None:
        return c.layers * tokens * (c.kv_rank + c.rotated_dim)
    kept = [
        tokens if c.window is None or not c.is_local(block) else min(tokens, c.window - 1)
        for block in range(c.layers)
    ]
    return sum(kept) * 2 * c.kv_heads * c.head_dim
