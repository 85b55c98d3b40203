"""Verdicts on published results, in one screen and row by row."""

from brnb.audit.outcome import Outcome
from brnb.chapters import reproduced


def test_what_is_reproduced_in_one_screen():
    outcomes = [
        Outcome("Tabela 7: v1", "perplexity", 1.0, 1.0, None, None, "reproduced"),
        Outcome("Tabela 7: v2", "perplexity", 1.0, 2.0, None, None, "differs"),
        Outcome("4.4.1.2 (i)", "hypothesis_i", *[None] * 4, "undecided", counts=(1, 2, 3)),
    ]
    screen = reproduced.tab_reproduces_summary(outcomes, "en").set_index("place")
    assert screen.loc["Table 7"].tolist() == [1, 1, 0, 0]
    assert screen.loc["4.4.1.2"].tolist() == [0, 0, 1, 0]
    assert screen.iloc[-1].tolist() == [1, 1, 1, 0]
    rows = reproduced.tab_reproduces(outcomes, "pt")
    assert rows["place"].iloc[0] == "Tabela 7: v1"
    assert rows["verdict"].iloc[2] == "indeciso: 1 a favor, 2 contra, 3 sem decisão"
