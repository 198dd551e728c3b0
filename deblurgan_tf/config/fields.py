"""The keys of a config as a list: for the manual, and for errors that name them."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from deblurgan_tf.config.sections import Config, Section

_NAMES = {int: "whole number", float: "number", str: "text", bool: "true or false"}


class Key(NamedTuple):
    """One key of a config, as the manual shows it."""

    key: str
    """dotted, for example data.mix.N.weight"""
    type: str
    """in words, for example "whole number, at least 1, or null\""""
    default: str
    """as it is written in YAML, or "must be given" for a key that has none"""
    description: str


def describe_fields() -> list[Key]:
    """All keys that hold a value, in the order of the sections."""
    return list(_keys(Config, ""))


def known_keys(path: list[str]) -> list[str]:
    """The keys below a dotted path of existing keys, as they stand in YAML."""
    section: type[BaseModel] = Config
    for key in path:
        if not key.isdecimal():
            inner = _section(fields_of(section)[key].annotation)
            assert inner is not None
            section = inner
    return list(fields_of(section))


def _keys(section: type[BaseModel], prefix: str) -> Iterator[Key]:
    for name, field in fields_of(section).items():
        inner = _section(field.annotation)
        if inner is None:
            words = _words(field.annotation, field.metadata)
            description = " ".join((field.description or "").split())
            yield Key(f"{prefix}{name}", words, _default(field), description)
        elif get_origin(field.annotation) is tuple:
            description = " ".join((field.description or "").split())
            yield Key(f"{prefix}{name}", "list of sections", "[]", description)
            yield from _keys(inner, f"{prefix}{name}.N.")
        else:
            yield from _keys(inner, f"{prefix}{name}.")


def fields_of(section: type[BaseModel]) -> dict[str, FieldInfo]:
    """The keys of a section, under the names that YAML has."""
    return {field.alias or name: field for name, field in section.model_fields.items()}


def _section(annotation: Any) -> type[Section] | None:
    """The section that a field holds: one, one or null, or a list of them."""
    for part in (annotation, *get_args(annotation)):
        if isinstance(part, type) and issubclass(part, Section):
            return part
    return None


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value = field.default
    # JSON is YAML on one line, but for the quotes, which no default needs.
    return json.dumps(value).replace('"', "")


def _words(annotation: Any, constraints: list[Any]) -> str:
    """A type in words, with its range."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _words(arguments[0], [*_constraints(arguments[1:]), *constraints])
    if origin in (Union, types.UnionType):
        kept = [part for part in arguments if part is not types.NoneType]
        return f"{_words(kept[0], constraints)}, or null"
    if origin is Literal:
        return ", ".join(str(value) for value in arguments)
    if origin is dict:
        return f"{{{_words(arguments[0], [])}: {_words(arguments[1], [])}}}"
    if origin is tuple and arguments[-1] is Ellipsis:
        return f"[{_words(arguments[0], [])}; one or more]"
    if origin is tuple:
        return f"[{'; '.join(_words(part, []) for part in arguments)}]"
    return ", ".join([_NAMES[annotation], *_ranges(constraints)])


def _constraints(metadata: tuple[Any, ...]) -> list[Any]:
    found = []
    for each in metadata:
        found += each.metadata if isinstance(each, FieldInfo) else [each]
    return found


def _ranges(constraints: list[Any]) -> list[str]:
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    return [
        f"{word} {getattr(constraint, name)}"
        for constraint in constraints
        for name, word in words.items()
        if hasattr(constraint, name)
    ]
