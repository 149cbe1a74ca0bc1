"""The base of every part of the campaign model."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A part of the campaign that never changes and knows all of its fields.

    Python code names fields by their attributes. A campaign file only has the names of the contract: it is read with ``by_name=False``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)
