"""Where recipients come from, and how their columns are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Discriminator, Field, GetJsonSchemaHandler, StringConstraints, Tag, model_serializer, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from outcamp.core.frozen import Frozen

EXTERNAL: Final = "external"
EXPIRES_AT: Final = "expires_at"  # a column of pushed recipients: from then on nothing is sent to them

Name = Annotated[str, StringConstraints(min_length=1)]


class _Segment(Frozen):
    exclude: tuple[Name, ...] = Field(default=(), description="SQL files in include/sql/segments/; whoever they return is left out.")
    columns: Mapping[Name, Name] = Field(
        default_factory=dict, description="The segment's own names of the columns: {recipient_id: customer_no}."
    )


class SqlSegment(_Segment):
    """A query over an Airflow connection."""

    sql: Name = Field(description="A file in include/sql/segments/.")
    connection: Name | None = Field(default=None, description="An Airflow connection; left out, the embedded Postgres.")


class FileSegment(_Segment):
    """A recipient list in a file."""

    file: Name = Field(description="A Parquet or CSV file: a path in the project, or s3://[connection@]bucket/key, or gs:// likewise.")


class ExternalSegment(Frozen):
    """Recipients that are pushed in from outside."""

    @model_validator(mode="before")
    @classmethod
    def _read_word(cls, value: object) -> object:
        return {} if value == EXTERNAL else value

    @model_serializer
    def _as_word(self) -> str:
        return EXTERNAL

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"const": EXTERNAL, "description": "Recipients are pushed in from outside."}


def _kind_of(value: object) -> str | None:
    if isinstance(value, dict):
        return next((kind for kind in ("sql", "file") if kind in value), None)
    if value == EXTERNAL or isinstance(value, ExternalSegment):
        return EXTERNAL
    return {SqlSegment: "sql", FileSegment: "file"}.get(type(value))  # type: ignore[call-overload, no-any-return]


Segment = Annotated[
    Annotated[SqlSegment, Tag("sql")] | Annotated[FileSegment, Tag("file")] | Annotated[ExternalSegment, Tag(EXTERNAL)],
    Discriminator(
        _kind_of,
        custom_error_type="segment",
        custom_error_message="A segment is a query, a file or external",
    ),
]
