"""One YAML file describes one experiment; this module turns it into a checked `Config`.

An unknown key, a wrong type or an impossible value raises `ConfigError`, which names
the key, the value and what is allowed. `load(dump(config)) == config`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from deblurgan_tf.errors import ConfigError
from deblurgan_tf.storage.resources import resource

ContentName = Literal["vgg19", "l1", "l2", "charbonnier"]
Layout = Literal["folders", "gopro", "gopro_gamma", "side_by_side"]
# Weights of content losses that are summed, for example {vgg19: 100.0}.
Content = dict[ContentName, Annotated[float, Field(gt=0)]]


def _odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError("must be odd, so that there is a middle pixel")
    return value


def _range(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise ValueError("must be [lowest, highest]")
    return value


Positive = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(gt=0, le=1)]


class Section(BaseModel):
    """What all sections share: unknown keys are errors and values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class MixPart(Section):
    """One source of a mix; `weight` is its share of the samples."""

    weight: Annotated[float, Field(gt=0)]
    source: Literal["plates", "folder", "pairs", "tfds"]
    path: str | None = None
    layout: Layout = "folders"
    include: str | None = None
    scale: Fraction = 1.0
    name: str | None = None
    split: str = "train"
    count: Positive | None = 600

    @model_validator(mode="after")
    def _complete(self) -> MixPart:
        _check_source(self)
        return self


class Data(Section):
    source: Literal["plates", "folder", "pairs", "tfds", "mix"] = "plates"
    # folder, pairs: the folder; tfds: the data directory (null: the library's default)
    path: str | None = None
    # pairs: blurred/ and sharp/; or SEQUENCE/blur (or blur_gamma) and SEQUENCE/sharp as
    # in the GoPro set; or the authors' pictures with blurred and sharp side by side
    layout: Layout = "folders"
    # folder: glob on the path relative to the folder, for example "*/sharp/*"
    include: str | None = None
    # pictures are reduced by this factor before they are cropped
    scale: Fraction = 1.0
    name: str | None = None  # tfds: the set's name
    split: str = "train"  # tfds
    count: Positive | None = 600  # plates: a fixed set; null is endless
    mix: tuple[MixPart, ...] = ()
    crop: tuple[
        Annotated[int, Field(ge=16)],  # height: the generator pads smaller pictures
        Annotated[int, Field(ge=16)],  # width
    ] = (128, 192)
    flip: bool = True  # left to right, half of the samples; not for text
    # strength of random brightness, contrast and colour, 0 to 1
    color_jitter: Annotated[float, Field(ge=0, le=1)] = 0.0
    # pixels of the surroundings that are blurred with a crop and cut away then, so that
    # borders hold light from outside; 0: borders are reflected
    margin: Annotated[int, Field(ge=0)] = 0
    batch: Positive = 1
    validation: Annotated[int, Field(ge=0)] = 32

    @model_validator(mode="after")
    def _complete(self) -> Data:
        if self.source == "mix" and not self.mix:
            raise ValueError(
                "source 'mix' needs mix: [{weight: 2, source: folder, path: DIR}, ...]"
            )
        if self.source != "mix" and self.mix:
            raise ValueError(f"mix is given but source is {self.source!r}")
        if self.source != "mix":
            _check_source(self)
        return self


def _check_source(part: Data | MixPart) -> None:
    # A missing path is an error of the data, not of the config: experiments that need
    # the user's own folder leave it null and say so when they are run.
    if part.source == "tfds" and not part.name:
        raise ValueError("source 'tfds' needs name: the name of a tensorflow-datasets")
    if part.include is not None and part.source != "folder":
        raise ValueError("include is for source 'folder'")


class Blur(Section):
    # mixed: seven of ten kernels are trajectories, two are lines, one is a disc
    kind: Literal["trajectory", "linear", "defocus", "mixed"] = "trajectory"
    # side of a kernel, pixels
    canvas: Annotated[int, Field(ge=5, le=511), AfterValidator(_odd)] = 65
    # trajectory: its length at exposure 1; linear, defocus: the largest one; pixels
    length: Annotated[float, Field(ge=1)] = 60.0
    # Boracchi and Foi's anxiety; one is drawn for each kernel
    intensity: Annotated[
        tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(min_length=1)
    ] = (0.003, 0.005, 0.007, 0.008, 0.009, 0.01)
    # fractions of the trajectory; one is drawn for each kernel
    exposures: Annotated[tuple[Fraction, ...], Field(min_length=1)] = (0.1, 0.5, 1.0)
    # standard deviation is drawn between these; grey levels of 255
    noise: Annotated[
        tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]],
        AfterValidator(_range),
    ] = (0.0, 2.0)
    # the sharp picture is softened first, by a Gaussian of a deviation drawn between
    # these; pixels
    presmoothing: Annotated[
        tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0, le=3)]],
        AfterValidator(_range),
    ] = (0.0, 0.0)
    # half of the blurred pictures pass through a JPEG of a quality drawn between these
    jpeg: (
        Annotated[
            tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(le=100)]],
            AfterValidator(_range),
        ]
        | None
    ) = None
    # share of the samples whose blur differs from place to place
    varying: Annotated[float, Field(ge=0, le=1)] = 0.0
    # light = value ** gamma is what is blurred; 1: the values themselves
    gamma: Annotated[float, Field(ge=1, le=3)] = 1.0
    kernels: Positive = 4096  # size of the bank made at the start

    @model_validator(mode="after")
    def _fits(self) -> Blur:
        # A path of length L stays within L/2 of its centroid (see kernels.py); one
        # pixel more is needed by the bilinear splat and one by the middle pixel.
        if self.length > self.canvas - 3:
            raise ValueError(
                f"length {self.length:g} does not fit into canvas {self.canvas}: "
                f"the longest is {self.canvas - 3}"
            )
        return self


class Model(Section):
    # resnet: DeblurGAN's; unrolled: finds the kernel and undoes it
    generator: Literal["resnet", "unrolled"] = "resnet"
    width: Positive = 64  # channels of the first convolutions
    # unrolled: each level doubles the largest kernel: 9, 15, 29, 57 pixels
    levels: Annotated[int, Field(ge=1, le=4)] = 4
    blocks: Annotated[int, Field(ge=0)] = 9
    convolutions: Literal[1, 2] = 2
    upsample: Literal["transpose", "resize"] = "transpose"
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    critic_width: Positive = 64
    critic_layers: Positive = 3


class Loss(Section):
    adversarial: Literal["wgan-gp", "lsgan", "gan", "none"] = "wgan-gp"
    adversarial_weight: Annotated[float, Field(ge=0)] = 1.0
    penalty_weight: Annotated[float, Field(ge=0)] = 10.0
    content: Annotated[Content, Field(min_length=1)] = {"vgg19": 100.0}
    # weights of what the unrolled generator finds on its way: its guesses of the sharp
    # picture (Charbonnier) and its kernels (L1), means over its rounds
    guesses: Annotated[float, Field(ge=0)] = 0.0
    kernels: Annotated[float, Field(ge=0)] = 0.0
    # "imagenet": Keras's download; else a .npz or .h5 file of VGG19 weights
    vgg19_weights: str = "imagenet"
    # what takes the place of vgg19 where its weights are not to be had; null: stop
    if_unavailable: Content | None = None

    @model_validator(mode="after")
    def _substitute(self) -> Loss:
        if self.vgg19_weights == "random":
            raise ValueError(
                "vgg19_weights: random ones are for benchmarks; give 'imagenet' or a "
                "file"
            )
        if self.if_unavailable is not None and (
            not self.if_unavailable or "vgg19" in self.if_unavailable
        ):
            raise ValueError(
                "if_unavailable must name other losses than vgg19, for example "
                "{charbonnier: 50.0}"
            )
        return self


class Train(Section):
    # a shipped model's name, a run or a .keras file: its layers' weights are the start
    start_from: str | None = None
    epochs: Positive | None = 300
    steps: Positive | None = None
    critic_steps: Positive = 5
    learning_rate: Annotated[float, Field(gt=0)] = 1.0e-4
    betas: tuple[
        Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]
    ] = (0.5, 0.999)
    # the rate falls linearly to 0 from this fraction of the training on; 1: never
    decay_from: Annotated[float, Field(ge=0, le=1)] = 0.5
    clip_norm: Annotated[float, Field(gt=0)] | None = None
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.999
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    # several devices of this machine; several machines, named by TF_CONFIG
    strategy: Literal["auto", "one", "mirrored", "multi_worker"] = "auto"

    @model_validator(mode="after")
    def _ends(self) -> Train:
        if self.epochs is None and self.steps is None:
            raise ValueError("give epochs, steps or both; both null never ends")
        return self


class Every(Section):
    """Intervals in steps."""

    log: Positive = 50
    sample: Positive = 1000
    validate_: Annotated[Positive, Field(alias="validate")] = 1000
    checkpoint: Positive = 500


class Config(Section):
    """A whole experiment. `dump` writes it, `load` reads it."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    data: Data = Data()
    blur: Blur = Blur()
    model: Model = Model()
    loss: Loss = Loss()
    train: Train = Train()
    every: Every = Every()

    @model_validator(mode="after")
    def _together(self) -> Config:
        if min(self.data.crop) + self.data.margin <= self.blur.canvas // 2:
            raise ValueError(
                f"data.crop {list(self.data.crop)} is too small for blur.canvas "
                f"{self.blur.canvas}: reflected borders need more than "
                f"{self.blur.canvas // 2} pixels a side"
            )
        staged = self.loss.guesses > 0 or self.loss.kernels > 0
        if staged and self.model.generator != "unrolled":
            raise ValueError(
                "loss.guesses and loss.kernels are for model.generator unrolled; set "
                "them to 0"
            )
        if self.loss.kernels > 0 and self.data.source == "pairs":
            raise ValueError(
                "loss.kernels needs kernels, and pairs have none; set it to 0"
            )
        endless = self.data.source == "plates" and self.data.count is None
        if endless and self.train.steps is None:
            raise ValueError("endless plates (data.count null) need train.steps")
        return self


def parse(values: dict[str, Any], origin: str = "config") -> Config:
    """Checks a mapping; `origin` is named in the error."""
    try:
        # Strictly as JSON: no "4" for 4 and no true for 1, but lists for tuples.
        return Config.model_validate_json(json.dumps(values, default=str), strict=True)
    except ValidationError as error:
        lines = [_describe(detail) for detail in error.errors()]
        raise ConfigError(f"{origin}: " + "\n".join(lines)) from None


def load(path: str | Path, overrides: list[str] | None = None) -> Config:
    """Reads a YAML file and applies overrides such as "loss.content.vgg19=10"."""
    path = Path(path)
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), _UniqueKeys)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not valid YAML: {error}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: must hold keys such as 'data:' and 'train:'")
    for override in overrides or []:
        _override(values, override)
    return parse(values, str(path))


class _UniqueKeys(yaml.SafeLoader):
    """YAML takes the last of two equal keys without a word; here it is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [self.construct_object(key) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(f"{key!r} is given twice{node.start_mark}")
        return super().construct_mapping(node, deep)


def dump(config: Config) -> str:
    """The whole config as YAML, every value explicit, a section a line or more."""
    return yaml.safe_dump(as_dict(config), sort_keys=False, default_flow_style=None)


def as_dict(config: Config) -> dict[str, Any]:
    """Plain dicts, lists, strings and numbers, as they stand in the YAML."""
    return config.model_dump(mode="json", by_alias=True)


def experiment(name: str) -> Path:
    """The path of a shipped experiment's config, for example "plates_paper"."""
    try:
        return resource("experiments", name, "config.yaml")
    except FileNotFoundError:
        raise ConfigError(f"there is no experiment named {name!r}") from None


def changed_keys(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> list:
    """Dotted names of the keys in which two configs (as dicts) differ."""
    keys = []
    for key in old.keys() | new.keys():
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            keys += changed_keys(before, after, f"{prefix}{key}.")
        elif before != after:
            keys.append(f"{prefix}{key}")
    return sorted(keys)


def _override(values: dict[str, Any], override: str) -> None:
    dotted, equals, text = override.partition("=")
    keys = dotted.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError(f"--set {override}: must look like train.steps=1000")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        # A pattern such as */sharp/* is a broken alias to YAML, and text to people.
        if text.lstrip()[:1] in ("[", "{"):
            raise ConfigError(
                f"--set {override}: {text!r} is not a YAML value"
            ) from None
        value = text
    # YAML 1.1 takes 1e-4 (without a point) for a string; people mean the number.
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+[eE][+-]?\d+", value):
        value = float(value)
    node: Any = values
    for key in keys[:-1]:
        if isinstance(node, list):
            node = _element(node, key, override)
        else:
            if node.get(key) is None:
                node[key] = {}
            node = node[key]
        if not isinstance(node, dict | list):
            raise ConfigError(f"--set {override}: {key!r} has no keys below it")
    if isinstance(node, list):
        _element(node, keys[-1], override)
        node[int(keys[-1])] = value
    else:
        node[keys[-1]] = value


def _element(node: list, key: str, override: str) -> Any:
    if not key.isdecimal() or int(key) >= len(node):
        raise ConfigError(
            f"--set {override}: {key!r} must be a place from 0 to {len(node) - 1}"
        )
    return node[int(key)]


def _describe(detail: ErrorDetails) -> str:
    keys = [str(part) for part in detail["loc"] if part != "[key]"]
    key = ".".join(keys) or "the config"
    if detail["type"] == "extra_forbidden":
        allowed = _known_keys(keys[:-1])
        return f"{key}: unknown key; known here: {', '.join(allowed)}"
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "value_error":
        return f"{key}: {message}"
    return f"{key}: {message}; got {detail['input']!r}"


def _known_keys(path: list[str]) -> list[str]:
    section: Any = Config
    for key in path:
        if key.isdecimal():
            continue
        field = next(
            field
            for name, field in section.model_fields.items()
            if key in (name, field.alias)
        )
        section = field.annotation
        if not (isinstance(section, type) and issubclass(section, BaseModel)):
            section = get_args(section)[0]
    return [field.alias or name for name, field in section.model_fields.items()]
