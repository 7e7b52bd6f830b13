"""Configuration: YAML presets, checked by pydantic models; an unknown key is an error, never ignored."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Base of every section of a configuration: frozen, and it knows all its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)
