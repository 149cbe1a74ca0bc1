"""Arrow columns to and from Postgres without a loop over rows: array parameters in, the CSV of COPY out."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv


def array_text(column: pa.Array | pa.ChunkedArray) -> str:
    """Return a column as the text form of a Postgres array, to be bound as one parameter and unnested: ``{"a",NULL,"b"}``."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    text = column.cast(pa.string())
    if pa.types.is_string(column.type):
        text = pc.replace_substring(pc.replace_substring(text, "\\", "\\\\"), '"', '\\"')
    if pa.types.is_string(column.type) or pa.types.is_timestamp(column.type):
        text = pc.binary_join_element_wise('"', text, '"', "")
    flat = pc.fill_null(text, "NULL")
    values = flat.combine_chunks() if isinstance(flat, pa.ChunkedArray) else flat
    whole = pa.LargeListArray.from_arrays(pa.array([0, len(values)], pa.int64()), values)
    joined: str = pc.binary_join(whole, ",")[0].as_py()
    return "{" + joined + "}"


def from_csv(data: bytes, schema: pa.Schema) -> pa.Table:
    """Decode headerless CSV as Postgres writes it into a table of this schema."""
    if not data:
        return schema.empty_table()
    table = pacsv.read_csv(
        io.BytesIO(data),
        read_options=pacsv.ReadOptions(column_names=schema.names, block_size=max(len(data), 1), use_threads=False),
        parse_options=pacsv.ParseOptions(newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    return table.combine_chunks()
