from typing import Final

PACKAGED: Final = "packaged"
"""The sentence encoder that a package of the index carries: all-MiniLM-L6-v2 (Reimers and Gurevych 2019; Apache-2.0)."""
