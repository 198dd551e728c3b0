"""One YAML file describes one experiment; this room turns it into a checked `Config`.

`sections` holds the keys with their types, ranges, defaults and descriptions, `files`
reads and writes YAML, `fields` lists all keys for the manual. An unknown key, a wrong
type or an impossible value raises `ConfigError`, which names the key, the value and
what is allowed. `load` of what `dump` wrote gives the same config.
"""

from deblurgan_tf.config.fields import describe_fields
from deblurgan_tf.config.files import (
    as_dict,
    changed_keys,
    dump,
    experiment,
    load,
    parse,
)
from deblurgan_tf.config.sections import (
    Blur,
    Config,
    Content,
    ContentName,
    Data,
    Every,
    Layout,
    Loss,
    MixPart,
    Model,
    Train,
    blur_problem,
)

__all__ = [
    "Blur",
    "Config",
    "Content",
    "ContentName",
    "Data",
    "Every",
    "Layout",
    "Loss",
    "MixPart",
    "Model",
    "Train",
    "as_dict",
    "blur_problem",
    "changed_keys",
    "describe_fields",
    "dump",
    "experiment",
    "load",
    "parse",
]
