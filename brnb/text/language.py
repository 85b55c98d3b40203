"""Which language a text is in, by py3langid, which ships its model (extra ``scale``).

Only the beginning of a text is read: a document of the web is in one language, and what costs is
the number of bytes.
"""

BEGINNING = 1000  # characters


def language(text: str) -> str:
    """ISO 639-1 code of the most likely of py3langid's 97 languages (Lui & Baldwin, 2012).

    Raises
    ------
    ModuleNotFoundError
        If py3langid is not installed; says how to install it.
    """
    try:
        import py3langid
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "to tell languages apart, py3langid is needed: pip install 'brnb[scale]'"
        ) from error
    code: str = py3langid.classify(text[:BEGINNING])[0]
    return code
