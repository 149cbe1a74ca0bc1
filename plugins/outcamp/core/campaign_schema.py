"""The JSON Schema of the campaign file, for editors and for the closest match of a wrong word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import cache
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from outcamp.core.campaign import Campaign
from outcamp.core.durations import format_duration

Schema = dict[str, Any]


class _FileSchema(GenerateJsonSchema):
    """Defaults are shown in the words of the file."""

    def encode_default(self, dft: Any) -> Any:
        return format_duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        described = super().default_schema(schema)
        # That something may be left out is said by its absence from the required fields.
        return {key: value for key, value in described.items() if key != "default" or value is not None}


@cache
def campaign_schema() -> Schema:
    """Return the JSON Schema of the campaign file."""
    schema = Campaign.model_json_schema(schema_generator=_FileSchema)
    return {"$schema": GenerateJsonSchema.schema_dialect, **schema}


def words_at(path: Sequence[str | int], value: object = None) -> tuple[str, ...]:
    """Return the words that the schema knows at a place: the fields of a mapping, or the values of a setting.

    Args:
        path: The keys that lead to the place.
        value: What the file has there; it tells one kind of segment from another.
    """
    nodes = list(_resolved(campaign_schema()))
    for step in path:
        nodes = [inner for node in nodes for inner in _below(node, step)]
    if isinstance(value, dict):
        nodes = [node for node in nodes if "required" in node and value.keys() >= set(node["required"])][:1] or nodes
    words = [word for node in nodes for word in [*node.get("properties", ()), *node.get("enum", ())]]
    return tuple(dict.fromkeys(word for word in words if isinstance(word, str)))


def _below(node: Schema, step: str | int) -> Iterator[Schema]:
    inner = node.get("items") if isinstance(step, int) else node.get("properties", {}).get(step)
    if isinstance(inner, dict):
        yield from _resolved(inner)


def _resolved(node: Schema) -> Iterator[Schema]:
    """Yield what a schema stands for: behind its reference, and each of its alternatives."""
    if "$ref" in node:
        name = node["$ref"].removeprefix("#/$defs/")
        yield from _resolved(campaign_schema()["$defs"][name])
        return
    yield node
    for alternative in [*node.get("anyOf", ()), *node.get("oneOf", ())]:
        yield from _resolved(alternative)
