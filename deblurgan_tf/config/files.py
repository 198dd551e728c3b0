"""Reading, overriding and writing configs."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from deblurgan_tf.config.fields import known_keys
from deblurgan_tf.config.sections import Config, unused_keys
from deblurgan_tf.config.yaml_text import Dumper, kind_at, read_value, read_yaml
from deblurgan_tf.errors import ConfigError, did_you_mean
from deblurgan_tf.storage.installation import shown
from deblurgan_tf.storage.resources import resource


def load(path: str | Path, overrides: list[str] | None = None) -> Config:
    """Reads a YAML file and applies overrides such as "loss.content.vgg19=10".

    The type of a key decides how its value is read. In an override of a text the value
    is all that stands behind the first "=": "data.path=My Photos #1".

    An override that changes `data.source` leaves out what the file has for its own
    source alone: keys such as `data.count`, and `blur` where the new source is pairs.
    Raises ConfigError for a file or an override that cannot be used.
    """
    path = Path(path)
    try:
        values = read_yaml(path.read_text(encoding="utf-8"), Config)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read: {error.strerror}{_near_experiment(path)}"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not valid YAML: {error}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: must hold keys such as 'data:' and 'train:'")
    source = _source(values)
    changed = [_override(values, override) for override in overrides or []]
    if _source(values) != source:
        _leave_out_unused(values, changed)
    return parse(values, str(path))


def parse(values: dict[str, Any], origin: str = "config") -> Config:
    """Checks a mapping; `origin` is named in the ConfigError that it may raise."""
    try:
        text = json.dumps(values, default=str)
    except (TypeError, ValueError) as error:  # a date as a key, a list in itself
        raise ConfigError(f"{origin}: holds what no config can hold: {error}") from None
    try:
        # Strictly as JSON: no "4" for 4 and no true for 1, but lists for tuples.
        return Config.model_validate_json(text, strict=True)
    except ValidationError as error:
        details = error.errors()
        lines = [_describe(detail) for detail in details if _is_own(detail)]
        raise ConfigError(f"{origin}: " + "\n".join(lines)) from None


def dump(config: Config) -> str:
    """The whole config as YAML: every value explicit, about a line per section."""
    return yaml.dump(
        as_dict(config), Dumper=Dumper, sort_keys=False, default_flow_style=None
    )


def as_dict(config: Config) -> dict[str, Any]:
    """Plain dicts, lists, strings and numbers, as they stand in the YAML."""
    return config.model_dump(mode="json", by_alias=True)


def experiment(name: str) -> Path:
    """The path of a shipped experiment's config, for example "plates_paper".

    Raises ConfigError where there is no experiment of this name.
    """
    try:
        return resource("experiments", name, "config.yaml")
    except FileNotFoundError:
        raise ConfigError(f"there is no experiment named {name!r}") from None


def changed_keys(
    old: dict[str, Any], new: dict[str, Any], prefix: str = ""
) -> list[str]:
    """Dotted names of the keys in which two configs (as dicts) differ, sorted."""
    keys = []
    for key in old.keys() | new.keys():
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            keys += changed_keys(before, after, f"{prefix}{key}.")
        elif before != after:
            keys.append(f"{prefix}{key}")
    return sorted(keys)


def _near_experiment(path: Path) -> str:
    """The end of a message about a config that is not there: a shipped one, or ""."""
    if path.exists():
        return ""
    shipped = {x.parent.name: x for x in resource("experiments").glob("*/config.yaml")}
    word = path.parent.name if path.name == "config.yaml" else path.stem
    near = difflib.get_close_matches(word, shipped, n=1)
    return f"; did you mean {shown(shipped[near[0]])}?" if near else ""


def _source(values: dict[str, Any]) -> object:
    data = values.get("data")
    return data.get("source") if isinstance(data, dict) else None


def _leave_out_unused(values: dict[str, Any], changed: list[list[str]]) -> None:
    """Removes what only another source uses, but for keys that were overridden."""
    source = _source(values)
    if ["data"] not in changed:
        overridden = {keys[1] for keys in changed if keys[0] == "data"}
        for key in unused_keys(source) - overridden:
            values["data"].pop(key, None)
    if source == "pairs" and all(keys[0] != "blur" for keys in changed):
        values["blur"] = None


def _override(values: dict[str, Any], override: str) -> list[str]:
    """Changes `values` in place, and returns the keys of the override."""
    dotted, equals, text = override.partition("=")
    keys = dotted.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError(f"--set {override}: must look like train.steps=1000")
    value = _value(text, keys, override)
    node: Any = values
    for key in keys[:-1]:
        if isinstance(node, list):
            node = node[_index(node, key, override)]
        else:
            if node.get(key) is None:
                node[key] = {}
            node = node[key]
        if not isinstance(node, dict | list):
            raise ConfigError(f"--set {override}: {key!r} has no keys below it")
    if isinstance(node, list):
        node[_index(node, keys[-1], override)] = value
    else:
        node[keys[-1]] = value
    return keys


def _value(text: str, keys: list[str], override: str) -> Any:
    try:
        return read_value(text, kind_at(Config, keys))
    except yaml.YAMLError:
        # Text for a key that is none or takes none: the check of the config tells.
        if text.lstrip()[:1] in ("[", "{"):
            raise ConfigError(
                f"--set {override}: {text!r} is not a YAML value"
            ) from None
        return text


def _index(node: list[Any], key: str, override: str) -> int:
    if not key.isdecimal() or int(key) >= len(node):
        raise ConfigError(
            f"--set {override}: {key!r} must be a place from 0 to {len(node) - 1}"
        )
    return int(key)


def _is_own(detail: ErrorDetails) -> bool:
    # The default of blur depends on data: where data are wrong, so it is by itself.
    return detail["type"] != "default_factory_not_called"


def _describe(detail: ErrorDetails) -> str:
    keys = [str(part) for part in detail["loc"] if part != "[key]"]
    key = ".".join(keys) or "the config"
    if detail["type"] == "extra_forbidden":
        allowed = known_keys(keys[:-1])
        near = did_you_mean(keys[-1], allowed)
        return f"{key}: unknown key; known here: {', '.join(allowed)}{near}"
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "value_error":
        return f"{key}: {message}"
    return f"{key}: {message}; got {detail['input']!r}"
