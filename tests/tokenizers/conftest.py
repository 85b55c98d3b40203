"""A little Portuguese, four vocabularies learned from it, and text that breaks tokenizers."""

import pytest

from brnb.tokenizers.params import SubwordSpec
from brnb.tokenizers.subword import SubwordTokenizer

PORTUGUESE = [
    "O rato roeu a roupa do rei de Roma, e a rainha, com raiva, resolveu remendar a roupa rota.\n"
    "Quem com ferro fere, com ferro será ferido; quem semeia ventos colhe tempestades.",
    "A concessão da ferrovia foi publicada em 12/03/2024, por R$ 1.234,56 ao quilômetro.\n\n"
    "Art. 1º  As alterações da 2ª seção não se aplicam às concessões já em vigor.",
    "— Você não vem? — perguntou a avó. “Não sei”, disse o avô… e saiu devagar pela praça.",
    "nome\tidade\tcidade\nJoão\t37\tSão Luís\nConceição\t41\tMaceió\nÂngela\t29\tAraçatuba",
    "Segundo o secretário, a tendência é que a produção e a exportação de grãos continuem a crescer"
    " na região, com a duplicação das rodovias e a integração dos portos.",
    "O tempo perguntou ao tempo quanto tempo o tempo tem; o tempo respondeu ao tempo que o tempo"
    " tem tanto tempo quanto tempo o tempo tem.\nTrês pratos de trigo para três tigres tristes.",
    "A população da cidade cresceu, a arrecadação caiu e a prefeitura suspendeu a contratação de"
    " professores. A decisão do conselho será publicada na próxima semana, após a votação.",
    "Água mole em pedra dura, tanto bate até que fura. Mais vale um pássaro na mão do que dois"
    " voando. De grão em grão, a galinha enche o papo. Cão que ladra não morde.",
    "No meio do caminho da escola havia uma ponte estreita, e as crianças passavam por ela"
    " correndo, contando histórias, trocando figurinhas e perguntando as horas a quem passava.",
]

NASTY = [
    "",
    " ",
    "   ",
    "\n",
    "\t",
    "\n\n\t \n",
    "  dois  espaços  no  meio e no fim  ",
    "linha um\nlinha dois\n\nlinha quatro",
    "coração, ação, pão, às, avó, avô, ÂNGELA, Úrsula",
    "corac\u0327a\u0303o e avo\u0301 decompostos (NFD)",
    "1º lugar, 2ª vez, § 3º — “aspas” ‘simples’ … € 10,00",
    "R$ 1.234,56 em 07/09/1822 às 16h30: 0000000 111",
    "emoji 😀 👩🏽‍🚀 🇧🇷 e 日本語 e Ελλάδα",
    "espaço\u00a0duro e largura\u200bzero",
    "<s> </s> <pad> <unk> <0x41><0xC3> <s",
    "a\x00b\x7f\u2028c",
    "▅ reservado",
    "if (a[0] == '{') { return \"}\"; }  # ~^`|\\",
    "https://exemplo.com.br/?q=a%20b&x=_1",
]


def spec(kind: str, byte_fallback: bool) -> SubwordSpec:
    fallback = "_bf" if byte_fallback else ""
    size = 260 + 256 * byte_fallback
    return SubwordSpec(
        name=f"{kind}{fallback}", kind=kind, vocab_size=size, byte_fallback=byte_fallback
    )


@pytest.fixture(scope="session")
def portuguese() -> list[str]:
    return PORTUGUESE


@pytest.fixture(scope="session")
def nasty() -> list[str]:
    return NASTY


@pytest.fixture(scope="session", params=["unigram", "unigram_bf", "bpe", "bpe_bf"])
def subword(request, tmp_path_factory) -> SubwordTokenizer:
    kind, _, fallback = request.param.partition("_")
    folder = tmp_path_factory.mktemp(request.param)
    return SubwordTokenizer.train(PORTUGUESE, spec(kind, bool(fallback)), folder)
