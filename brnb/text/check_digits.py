"""Check digits of Brazilian documents and of payment cards.

Every function takes a number without separators, of the right length, and says whether its last
digits are those that its first ones ask for. Numbers of one repeated digit are never issued.

Sources: Receita Federal (CPF; CNPJ, with letters since IN RFB 2.229/2024), Caixa (PIS/PASEP/NIT),
TSE, Resolução 21.538/2003, art. 12 (título de eleitor), Denatran (CNH), ISO/IEC 7812-1 (cards).
"""

from collections.abc import Callable, Iterable

STATES = range(1, 29)  # of a título de eleitor: the 27 units of the federation, and abroad
_ZERO_OR_ONE = (1, 2)  # São Paulo and Minas Gerais, where no remainder gives 1; sources differ


def _sum(body: str, weights: Iterable[int]) -> int:
    return sum((ord(symbol) - 48) * w for symbol, w in zip(body, weights, strict=False))


def _two_digits(body: str, largest_weight: int) -> str:
    """Two check digits modulo 11, with weights from 2 on, from the right, again and again."""
    for _ in range(2):
        weights = (2 + place % (largest_weight - 1) for place in range(len(body)))
        body += str(-_sum(body[::-1], weights) % 11 % 10)
    return body[-2:]


def is_cpf(number: str) -> bool:
    """Eleven digits, the last two of them check digits."""
    return number.endswith(_two_digits(number[:9], 11))


def is_cnpj(number: str) -> bool:
    """Twelve digits or capital letters, and two check digits."""
    return number.endswith(_two_digits(number[:12], 9))


def is_pis(number: str) -> bool:
    """Eleven digits of PIS, PASEP, NIT or NIS, the last of them a check digit."""
    return number.endswith(str(-_sum(number, (3, 2, 9, 8, 7, 6, 5, 4, 3, 2)) % 11 % 10))


def is_voter(number: str) -> bool:
    """Twelve digits of a título de eleitor: eight, two of the state, two check digits."""
    state = number[8:10]
    return (
        int(state) in STATES
        and number[10] in _voter_digits(_sum(number[:8], range(2, 10)), state)
        and number[11] in _voter_digits(_sum(number[8:11], (7, 8, 9)), state)
    )


def _voter_digits(total: int, state: str) -> str:
    digit = str(total % 11 % 10)
    return "01" if total % 11 == 0 and int(state) in _ZERO_OR_ONE else digit


def is_cnh(number: str) -> bool:
    """Eleven digits of a driving licence, the last two of them check digits."""
    first = _sum(number[:9], range(9, 0, -1)) % 11
    second = _sum(number[:9], range(1, 10)) % 11
    if first == 10:
        first, second = 0, second - 2 + 11 * (second < 2)
    return number.endswith(f"{first}{second % 10}")


def is_card(number: str) -> bool:
    """Luhn's rule: every second digit doubled, from the right, the digits add up to tens."""
    doubled = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
    odd, even = number[-1::-2], number[-2::-2]
    return (sum(map(int, odd)) + sum(doubled[int(digit)] for digit in even)) % 10 == 0


RULES: dict[str, Callable[[str], bool]] = {
    "cpf": is_cpf,
    "cnpj": is_cnpj,
    "pis": is_pis,
    "voter": is_voter,
    "cnh": is_cnh,
    "card": is_card,
}


def is_valid(kind: str, number: str) -> bool:
    """Whether a number of a kind in `RULES`, without separators, may have been issued."""
    return len(set(number)) > 1 and RULES[kind](number)
