"""What more workers bring: strong and weak scaling, Amdahl's law (Eqs. B.104-B.106)."""

from brnb.theory.units import Quantity, positive, share


def strong_efficiency(alone: Quantity, together: Quantity, workers: Quantity) -> Quantity:
    """T_1 / (P T_P): the same problem on P workers (Eq. B.104).

    Parameters
    ----------
    alone, together
        Seconds on one worker and on P.
    workers
        P.
    """
    positive("s", alone=alone, together=together)
    positive("workers", workers=workers)
    return alone / (workers * together)


def weak_efficiency(alone: Quantity, together: Quantity) -> Quantity:
    """T_1 / T_P: P times the problem on P workers (Eq. B.105)."""
    positive("s", alone=alone, together=together)
    return alone / together


def amdahl_speedup(serial: Quantity, workers: Quantity) -> Quantity:
    """Times faster with P workers, 1 / (f + (1 - f) / P), a share f being serial (Eq. B.106).

    The limit is 1/f: the text's f of 0.1 to 0.2 gives its 5 to 10. Communication is no constant
    share, though: it grows with P, and hides behind computation where they overlap.
    """
    share(serial=serial)
    positive("workers", workers=workers)
    return 1 / (serial + (1 - serial) / workers)
