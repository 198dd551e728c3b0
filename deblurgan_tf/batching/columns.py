"""Columns of Parquet by their names, also fields of a column that is a struct.

Hubs of data sets keep pictures in one column of two fields: `image: {bytes, path}`.
A column is given as the list of its name and, of a struct, of its field's name.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

BYTES, PATH = "bytes", "path"  # the fields of a struct, and the options' defaults


def bytes_column(columns: pa.Schema, name: str) -> list[str] | None:
    """The column of the picture files' bytes; None where there is none of this name.

    name: of a column, of a struct with a field `bytes`, or STRUCT.FIELD. For the
    default, `bytes`, a struct with the fields `bytes` and `path` will do, where it is
    the only one.
    """
    found = column(columns, name)
    if found is None and name == BYTES:
        structs = [field.name for field in columns if _is_picture(field.type)]
        found = structs if len(structs) == 1 else None
    if found is not None and len(found) == 1 and _has(_type(columns, found), BYTES):
        found = [*found, BYTES]
    return found


def column(columns: pa.Schema, name: str) -> list[str] | None:
    """A column of this name, or the field of a struct, STRUCT.FIELD; None for none."""
    if name in columns.names:
        return [name]
    outer, _, inner = name.partition(".")
    if outer in columns.names and _has(columns.field(outer).type, inner):
        return [outer, inner]
    return None


def holds_bytes(columns: pa.Schema, place: list[str]) -> bool:
    """Whether the values of a column are bytes."""
    kind = _type(columns, place)
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def values(table: pa.Table, place: list[str]) -> pa.ChunkedArray:
    """The values of a column of `table`, or of a field of it."""
    found = table[place[0]]
    return pc.struct_field(found, place[1]) if len(place) > 1 else found


def replaced(table: pa.Table, place: list[str], new: list[bytes | None]) -> pa.Table:
    """The table with other values in a column, or in a field of it."""
    number = table.schema.get_field_index(place[0])
    field = table.schema.field(number)
    kind = _type(table.schema, place)
    made = pa.array(new, kind)
    if len(place) > 1:
        struct = table[place[0]].combine_chunks()
        parts = [
            made if each.name == place[1] else pc.struct_field(struct, each.name)
            for each in field.type
        ]
        made = pa.StructArray.from_arrays(
            parts, fields=list(field.type), mask=struct.is_null()
        )
    return table.set_column(number, field, made)


def _type(columns: pa.Schema, place: list[str]) -> pa.DataType:
    kind = columns.field(place[0]).type
    return kind.field(place[1]).type if len(place) > 1 else kind


def _has(kind: pa.DataType, field: str) -> bool:
    return pa.types.is_struct(kind) and kind.get_field_index(field) >= 0


def _is_picture(kind: pa.DataType) -> bool:
    return _has(kind, BYTES) and _has(kind, PATH)
