"""Which open models have rare architectures, and does rarity choose a diverse set?"""

from brnb.rarity.configs import Traits, from_config
from brnb.rarity.table import MODELS, read_models, write_models

__all__ = ["MODELS", "Traits", "from_config", "read_models", "write_models"]
