from typing import Final

PACKAGED: Final = "packaged"
"""The sentence encoder in a package of the index: all-MiniLM-L6-v2 (Reimers and Gurevych 2019; Apache-2.0)."""
