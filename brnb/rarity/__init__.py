"""Which open models have rare architectures, and does rarity choose a diverse set?"""

from brnb.rarity.configs import Traits as Traits
from brnb.rarity.configs import row_from_config as row_from_config
from brnb.rarity.table import MODELS as MODELS
from brnb.rarity.table import read_models as read_models
from brnb.rarity.table import write_models as write_models
