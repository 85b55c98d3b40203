"""The embedded sample: Brazilian Portuguese text and instructions on an invented, consistent world.

Everything is a pure function of a seed: the same seed gives the same bytes on any machine, in any
amount, without a file or a network. The sentences stand as templates in the YAML files beside this
module; `grammar` explains their notation.

>>> from brnb.text import sample
>>> first = next(sample.documents(1))
>>> sorted(first)
['doc_id', 'text', 'title', 'uri']
"""

from brnb.text.sample.articles import document, documents
from brnb.text.sample.content import lexicon
from brnb.text.sample.noise import RATES, planted
from brnb.text.sample.pairs import instructions
from brnb.text.sample.world import Fact, facts

__all__ = [
    "RATES",
    "Fact",
    "document",
    "documents",
    "facts",
    "instructions",
    "lexicon",
    "planted",
]
