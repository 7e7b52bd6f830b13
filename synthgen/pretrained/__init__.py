from typing import Final

PACKAGED: Final = "packaged"
"""The encoder in a package of the index: of sentences all-MiniLM-L6-v2 (Reimers and Gurevych 2019; Apache-2.0), of
images EfficientNet-Lite0 (Tan and Le 2019; Apache-2.0)."""
