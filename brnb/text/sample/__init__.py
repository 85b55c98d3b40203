"""The embedded sample: Brazilian Portuguese text and instructions on an invented, consistent world.

Everything is a pure function of a seed: the same seed gives the same bytes on any machine, in any
amount, without a file or a network. The sentences stand as templates in the YAML files beside this
module; `grammar` explains their notation.

>>> from brnb.text import sample
>>> first = next(sample.documents(1))
>>> sorted(first)
['doc_id', 'register', 'text', 'title', 'uri']
"""

from brnb.text.sample.articles import document as document
from brnb.text.sample.articles import documents as documents
from brnb.text.sample.content import word_forms as word_forms
from brnb.text.sample.noise import RATES as RATES
from brnb.text.sample.noise import planted as planted
from brnb.text.sample.pairs import instructions as instructions
from brnb.text.sample.world import Fact as Fact
from brnb.text.sample.world import facts as facts
