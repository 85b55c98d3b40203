"""Our recognisers with the face of Microsoft presidio's, for who has it: it is no dependency.

>>> from presidio_analyzer import RecognizerRegistry                    # doctest: +SKIP
>>> registry = RecognizerRegistry(supported_languages=["pt"])           # doctest: +SKIP
>>> registry.add_recognizer(recognizer())                               # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

from brnb.text.personal_data import IDENTIFIER_KINDS, IdentifierKind, find

if TYPE_CHECKING:
    from presidio_analyzer import EntityRecognizer

ENTITIES: dict[IdentifierKind, str] = {
    "email": "EMAIL_ADDRESS",
    "phone": "PHONE_NUMBER",
    "card": "CREDIT_CARD",
    "cpf": "BR_CPF",
    "cnpj": "BR_CNPJ",
    "pis": "BR_PIS",
    "voter": "BR_VOTER_ID",
    "cnh": "BR_DRIVER_LICENSE",
    "cep": "BR_POSTAL_CODE",
}


def recognizer() -> "EntityRecognizer":
    """All kinds of `brnb.text.personal_data` as one recogniser for Portuguese.

    Raises
    ------
    ModuleNotFoundError
        If presidio is not installed; says how to install it.
    """
    try:
        from presidio_analyzer import EntityRecognizer, RecognizerResult
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "presidio is not installed: pip install presidio-analyzer"
        ) from error

    class Brazilian(EntityRecognizer):
        """Documents, cards and addresses of Brazil, decided by their check digits."""

        def load(self) -> None:
            """Nothing to load."""

        def analyze(
            self, text: str, entities: list[str] | None = None, nlp_artifacts: Any = None
        ) -> list[RecognizerResult]:
            """What is in a text, of the entities asked for."""
            wanted = {k: name for k, name in ENTITIES.items() if not entities or name in entities}
            return [
                RecognizerResult(wanted[kind], start, end, score=1.0)
                for kind, start, end in find(text)
                if kind in wanted
            ]

    return Brazilian([ENTITIES[kind] for kind in IDENTIFIER_KINDS], "brnb", supported_language="pt")
