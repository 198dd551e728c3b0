"""YAML whose values are read as the type of their key says.

Plain YAML decides by how a value looks: a folder called 0123 would be the number 83, no
would be false, and 2024-05-01T10:00:00 a date.
"""

from __future__ import annotations

import re
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml

from deblurgan_tf.config.fields import fields_of
from deblurgan_tf.config.sections import Section

# YAML 1.1, which PyYAML reads, takes 1e-4, 1E5 and 1.e3 for strings: its numbers need a
# point, and a sign in the exponent. People, JSON and YAML 1.2 mean numbers.
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$"
)
LONGEST = 100_000
"""Characters of a config, at most."""
MOST_VALUES = 10_000
"""Values of a config, at most, keys among them."""
_TEXT = "tag:yaml.org,2002:str"
_NULL = "tag:yaml.org,2002:null"


class _Loader(yaml.SafeLoader):
    """Numbers as people write them; two equal keys are an error.

    Plain YAML takes the last of two equal keys in silence.
    """

    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = False
    ) -> dict[Any, Any]:
        keys = [self.construct_object(key) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(f"{key!r} is given twice{node.start_mark}")
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> Any:
        """Decimal numbers: to YAML 1.1, 0100 is 64 and 1:30 is 90."""
        if ":" in node.value:
            return node.value
        try:
            return int(node.value)
        except ValueError:
            return super().construct_yaml_int(node)


class Dumper(yaml.SafeDumper):
    """Quotes the strings that would be read as numbers."""


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
for _yaml in (_Loader, Dumper):
    _yaml.add_implicit_resolver(
        "tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789")
    )


def read_yaml(text: str, kind: Any) -> Any:
    """The value of a YAML text.

    kind: the type that the value is meant for, a section's class or the annotation of a
    key; None where it is not known. Raises yaml.YAMLError, also for a text that is
    longer, or whose aliases stand for more values, than a config ever is.
    """
    if len(text) > LONGEST:
        raise yaml.YAMLError(f"has {len(text):,} characters; at most {LONGEST:,}")
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _count(node, {})
        return loader.construct_document(_typed(node, kind))
    except RecursionError:
        raise yaml.YAMLError("its lists and mappings are nested too deep") from None
    except (ValueError, OverflowError) as error:  # a date of month 13, for example
        raise yaml.YAMLError(str(error)) from error
    finally:
        loader.dispose()


def _count(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values a node stands for, an alias as often as it is used.

    A few lines of aliases to aliases stand for millions. known: the counts of nodes; 0
    for those that are being counted. Raises yaml.YAMLError above MOST_VALUES, and for a
    node that holds itself.
    """
    if id(node) in known:
        if known[id(node)] == 0:
            raise yaml.YAMLError(f"an alias refers to itself{node.start_mark}")
        return known[id(node)]
    known[id(node)] = 0
    inner: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        inner = [part for pair in node.value for part in pair]
    elif isinstance(node, yaml.SequenceNode):
        inner = node.value
    count = 1
    for part in inner:
        count += _count(part, known)
        if count > MOST_VALUES:
            raise yaml.YAMLError(f"has more than {MOST_VALUES:,} values")
    known[id(node)] = count
    return count


def read_value(text: str, kind: Any) -> Any:
    """The value of an override's text, which is not YAML where a text is meant.

    A text is taken as it is, but for quotes around the whole of it; null and nothing
    are null where the key may be null. kind, raises: as `read_yaml`.
    """
    kinds = _kinds(kind)
    if str not in kinds:
        return read_yaml(text, kind)
    if types.NoneType in kinds and text in ("", "null"):
        return None
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        try:
            return str(yaml.safe_load(text))
        except yaml.YAMLError:  # quotes that do not belong together
            return text
    return text


def kind_at(kind: Any, keys: list[str]) -> Any:
    """The type of the key at a path below `kind`; None where there is no such key."""
    for key in keys:
        kind = _kind_below(kind, key)
    return kind


def _kind_below(kind: Any, key: str) -> Any:
    for part in _kinds(kind):
        arguments = get_args(part)
        if isinstance(part, type) and issubclass(part, Section):
            field = fields_of(part).get(key)
            return None if field is None else field.annotation
        if get_origin(part) is dict:
            return arguments[1]
        if get_origin(part) is tuple and key.isdecimal():
            place = 0 if arguments[-1] is Ellipsis else int(key)
            return arguments[place] if place < len(arguments) else None
    return None


def _kinds(kind: Any) -> list[Any]:
    """The types of a union, of one type itself; without what Annotated adds."""
    if get_origin(kind) is Annotated:
        return _kinds(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return [part for each in get_args(kind) for part in _kinds(each)]
    return [kind]


def _is_text(kind: Any) -> bool:
    return any(part is str or _is_choice_of_texts(part) for part in _kinds(kind))


def _is_choice_of_texts(kind: Any) -> bool:
    values = get_args(kind)
    return get_origin(kind) is Literal and all(isinstance(x, str) for x in values)


def _typed(node: yaml.Node, kind: Any) -> yaml.Node:
    """The node, with every plain scalar that is meant as a text tagged as one."""
    if kind is None:
        return node
    if isinstance(node, yaml.ScalarNode):
        if node.style is None and node.tag != _NULL and _is_text(kind):
            return yaml.ScalarNode(_TEXT, node.value, node.start_mark, node.end_mark)
    elif isinstance(node, yaml.MappingNode):
        node.value = [
            (key, _typed(value, _kind_below(kind, str(key.value))))
            for key, value in node.value
        ]
    elif isinstance(node, yaml.SequenceNode):
        node.value = [
            _typed(value, _kind_below(kind, str(place)))
            for place, value in enumerate(node.value)
        ]
    return node
