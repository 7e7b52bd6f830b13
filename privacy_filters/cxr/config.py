"""Configuration of the chest X-ray privacy filters."""

from __future__ import annotations

from pydantic import Field

from synthgen.config import Section


class IdentityConfig(Section):
    """The embedding in which patients are told apart; see :mod:`synthgen.privacy_filters.cxr.identity`."""

    size: int = Field(160, ge=32, le=512, description="pixels a side of the network's input")
    components: int = Field(400, ge=2, le=2000, description="principal components of a layer that are looked at")
    dimensions: int = Field(300, ge=1, le=2000, description="discriminants of a layer and side, at most")
    shrinkage: float = Field(0.1, gt=0, le=1, description="of the covariance within patients towards a sphere")
