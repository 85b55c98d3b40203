"""Counts in texts that the documents quote."""


def characters(text: str) -> int:
    """Tokens of a text where each character is one."""
    return len(text)
