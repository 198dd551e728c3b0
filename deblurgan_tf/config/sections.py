"""What a config holds: one class per section, one checked field per key.

The text below a field describes its key; `fields.describe_fields` collects these texts
for the manual. Pixels are counted in the picture that the network sees.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

ContentName = Literal["vgg19", "l1", "l2", "charbonnier"]
Layout = Literal["folders", "gopro", "gopro_gamma", "side_by_side"]
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
NotNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(gt=0, le=1)]


class Section(BaseModel):
    """What all sections share: unknown keys are errors and values do not change."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class MixPart(Section):
    """One source of a mix."""

    weight: Annotated[float, Field(gt=0)]
    """share of the samples, relative to the other parts"""
    source: Literal["plates", "folder", "pairs", "tfds"]
    """as `data.source`"""
    path: str | None = None
    """as `data.path`"""
    layout: Layout = "folders"
    """as `data.layout`"""
    include: str | None = None
    """as `data.include`"""
    scale: Fraction = 1.0
    """as `data.scale`"""
    name: str | None = None
    """as `data.name`"""
    split: str = "train"
    """as `data.split`"""
    count: Positive | None = 600
    """as `data.count`"""

    @model_validator(mode="after")
    def _complete(self) -> MixPart:
        _check_source(self)
        return self


class Data(Section):
    """Where the pictures come from, and how they are cut."""

    source: Literal["plates", "folder", "pairs", "tfds", "mix"] = "plates"
    """plates: rendered number plates; folder: sharp pictures; pairs: blurred and sharp
    pictures; tfds: a tensorflow-datasets set; mix: several sources"""
    path: str | None = None
    """folder, pairs: the folder; tfds: the data directory (null: the library's own)"""
    layout: Layout = "folders"
    """pairs: folders blurred/ and sharp/; gopro (or gopro_gamma): SEQUENCE/blur (or
    blur_gamma) and SEQUENCE/sharp; side_by_side: blurred left, sharp right"""
    include: str | None = None
    """folder: a pattern for the path below the folder, for example */sharp/*"""
    scale: Fraction = 1.0
    """factor by which pictures are downsampled before they are cropped"""
    name: str | None = None
    """tfds: the name of the set"""
    split: str = "train"
    """tfds: the split of the set, for example train[:80%]"""
    count: Positive | None = 600
    """plates: how many different ones; null: a new one for every sample"""
    mix: tuple[MixPart, ...] = ()
    """mix: the sources and their shares of the samples"""
    crop: tuple[
        Annotated[int, Field(ge=16)],  # the generator pads smaller pictures
        Annotated[int, Field(ge=16)],
    ] = (128, 192)
    """height and width of what is cut out of a picture, pixels"""
    flip: bool = True
    """mirror half of the samples left to right; set it to false for text and plates"""
    color_jitter: Annotated[float, Field(ge=0, le=1)] = 0.0
    """strength of random changes of brightness, contrast and colour; not for pairs"""
    margin: Annotated[int, Field(ge=0)] = 0
    """pixels that are blurred with a crop and then cut off its height and width, so
    that light from outside reaches the borders; 0: borders are reflected"""
    batch: Positive = 1
    """samples in a step, on all devices together"""
    validation: Annotated[int, Field(ge=0)] = 32
    """pictures that are held out for validation"""

    @model_validator(mode="after")
    def _complete(self) -> Data:
        if self.source == "mix" and not self.mix:
            raise ValueError(
                "source 'mix' needs mix: [{weight: 2, source: folder, path: DIR}, ...]"
            )
        if self.source != "mix" and self.mix:
            raise ValueError(f"mix is given but source is {self.source!r}")
        _check_source(self)
        return self

    @property
    def is_paired(self) -> bool | None:
        """Whether every sample is a given pair, so that no blur is made.

        None where only the set itself tells: a set of tensorflow-datasets holds pairs
        or sharp pictures.
        """
        parts: tuple[Data | MixPart, ...] = self.mix or (self,)
        sources = {part.source for part in parts}
        if sources == {"pairs"}:
            return True
        return None if sources <= {"pairs", "tfds"} else False


# The sources that use a key; on others a value that is not the default has no effect.
_USED_BY = {
    "path": ("folder", "pairs", "tfds"),
    "layout": ("pairs",),
    "include": ("folder",),
    "scale": ("folder", "pairs", "tfds"),
    "name": ("tfds",),
    "split": ("tfds",),
    "count": ("plates",),
}


def unused_keys(source: object) -> set[str]:
    """The keys of `data` that are for other sources than this one."""
    unused = {key for key, sources in _USED_BY.items() if source not in sources}
    return unused if source == "mix" else unused | {"mix"}


def _check_source(part: Data | MixPart) -> None:
    # A missing path is an error of the data, not of the config: experiments that need
    # the user's own folder leave it null and say so when they are run.
    if part.source == "tfds" and not part.name:
        raise ValueError("source 'tfds' needs name: the name of a tensorflow-datasets")
    for key, sources in _USED_BY.items():
        default = type(part).model_fields[key].default
        if part.source not in sources and getattr(part, key) != default:
            raise ValueError(
                f"{key} is for source {' or '.join(map(repr, sources))}, and has no "
                f"effect on source {part.source!r}; leave it out, or set it to "
                f"{'null' if default is None else default}"
            )


class Blur(Section):
    """How blurred pictures are made from sharp ones; null where all data are pairs."""

    kind: Literal["trajectory", "linear", "defocus", "mixed"] = "trajectory"
    """trajectory: camera shake; linear: a straight line; defocus: a disc; mixed: 70 %
    trajectories, 20 % lines, 10 % discs"""
    canvas: Annotated[int, Field(ge=5, le=511), AfterValidator(_odd)] = 65
    """side of a kernel, pixels; odd, and at least length + 3"""
    length: Annotated[float, Field(ge=1)] = 60.0
    """trajectory: its length at exposure 1; linear, defocus: the largest; pixels"""
    intensity: Annotated[
        tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(min_length=1)
    ] = (0.003, 0.005, 0.007, 0.008, 0.009, 0.01)
    """trajectory: Boracchi and Foi's anxiety; each kernel draws one of these"""
    exposures: Annotated[tuple[Fraction, ...], Field(min_length=1)] = (0.1, 0.5, 1.0)
    """trajectory: the part of it that is exposed; each kernel draws one of these"""
    noise: Annotated[tuple[NotNegative, NotNegative], AfterValidator(_range)] = (
        0.0,
        2.0,
    )
    """lowest and highest standard deviation of the noise, grey levels of 255"""
    presmoothing: Annotated[
        tuple[NotNegative, Annotated[float, Field(ge=0, le=3)]], AfterValidator(_range)
    ] = (0.0, 0.0)
    """lowest and highest standard deviation of a Gaussian that smooths the sharp
    picture before it is blurred, pixels"""
    jpeg: (
        Annotated[
            tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(le=100)]],
            AfterValidator(_range),
        ]
        | None
    ) = None
    """lowest and highest JPEG quality; half of the blurred pictures are compressed;
    null: none"""
    varying: Annotated[float, Field(ge=0, le=1)] = 0.0
    """part of the samples whose blur differs from place to place"""
    gamma: Annotated[float, Field(ge=1, le=3)] = 1.0
    """what is blurred is light = value ** gamma; 1: the values themselves"""
    kernels: Positive = 4096
    """how many kernels are made before the first step"""

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
    """The networks."""

    generator: Literal["resnet", "unrolled"] = "resnet"
    """resnet: DeblurGAN's; unrolled: estimates the kernel and deconvolves with it"""
    width: Positive = 64
    """channels of the generator's first convolutions; the shipped unrolled ones: 32"""
    levels: Annotated[int, Field(ge=1, le=4)] = 4
    """unrolled: 1 to 4 levels find kernels of up to 9, 15, 29, 57 pixels"""
    blocks: Annotated[int, Field(ge=0)] = 9
    """resnet: residual blocks"""
    convolutions: Literal[1, 2] = 2
    """resnet: convolutions in a residual block; 1: the authors' later code"""
    upsample: Literal["transpose", "resize"] = "transpose"
    """resnet: transposed convolutions, or a resize before a convolution, which avoids
    checkerboards"""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """resnet: part of the features that is dropped in training"""
    critic_width: Positive = 64
    """channels of the critic's first convolution"""
    critic_layers: Positive = 3
    """convolutions of the critic that halve the size"""


class Loss(Section):
    """What the networks minimise."""

    adversarial: Literal["wgan-gp", "lsgan", "gan", "none"] = "wgan-gp"
    """kind of the adversarial loss; none: content alone, without a critic"""
    adversarial_weight: NotNegative = 1.0
    """weight of the adversarial loss in the generator's loss"""
    penalty_weight: NotNegative = 10.0
    """wgan-gp: weight of the gradient penalty in the critic's loss"""
    content: Annotated[Content, Field(min_length=1)] = {"vgg19": 100.0}
    """content losses and their weights; they are added up"""
    guesses: NotNegative = 0.0
    """unrolled: weight of the loss (Charbonnier) of its intermediate pictures"""
    kernels: NotNegative = 0.0
    """unrolled: weight of the loss (L1) of its kernels"""
    vgg19_weights: str = "imagenet"
    """imagenet: Keras's download; else a .npz or .h5 file of VGG19's weights"""
    if_unavailable: Content | None = None
    """content losses that replace vgg19 where its weights cannot be had; null: stop"""

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
    """How long and how fast; the training ends at the smaller of epochs and steps."""

    start_from: str | None = None
    """a shipped model's name, a run or a .keras file whose weights are the start"""
    epochs: Positive | None = 300
    """passes over the sharp pictures; null: steps alone decide"""
    steps: Positive | None = None
    """updates of the generator; null: epochs alone decide"""
    critic_steps: Positive = 5
    """updates of the critic in a step"""
    learning_rate: Annotated[float, Field(gt=0)] = 1.0e-4
    """Adam's learning rate at the start"""
    betas: tuple[
        Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]
    ] = (0.5, 0.999)
    """Adam's decay rates of the first and the second moment"""
    decay_from: Annotated[float, Field(ge=0, le=1)] = 0.5
    """the learning rate falls linearly to 0 from this fraction of the training on; 1:
    never"""
    clip_norm: Annotated[float, Field(gt=0)] | None = None
    """largest norm of a network's whole gradient; null: no limit"""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """decay of the moving average of the generator's weights, per step"""
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    """type of the numbers that the networks compute with"""
    strategy: Literal["auto", "one", "mirrored", "multi_worker"] = "auto"
    """one device; mirrored: several of this machine; multi_worker: several machines,
    named by TF_CONFIG; auto: all that there are"""

    @model_validator(mode="after")
    def _ends(self) -> Train:
        if self.epochs is None and self.steps is None:
            raise ValueError("give epochs, steps or both; both null never ends")
        return self


class Every(Section):
    """Intervals in steps."""

    log: Positive = 50
    """a line of the mean losses in log.jsonl"""
    sample: Positive = 1000
    """pictures of some validation results in samples/"""
    validate_: Annotated[Positive, Field(alias="validate")] = 1000
    """PSNR and SSIM of the validation pictures; the best generator is kept"""
    checkpoint: Positive = 500
    """a checkpoint, from which the training can go on"""


def _blur_unless_paired(values: dict[str, Any]) -> Blur | None:
    data = values.get("data")
    return None if data is not None and data.is_paired else Blur()


class Config(Section):
    """A whole experiment. `dump` writes it, `load` reads it."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """all random choices of the training depend on it"""
    data: Data = Data()
    blur: Blur | None = Field(default_factory=_blur_unless_paired)
    model: Model = Model()
    loss: Loss = Loss()
    train: Train = Train()
    every: Every = Every()

    @model_validator(mode="after")
    def _together(self) -> Config:
        if self.data.is_paired is not None:
            problem = blur_problem(self, self.data.is_paired)
            if problem is not None:
                raise ValueError(problem)
        if self.blur is not None:
            _check_crop(self.data, self.blur)
        staged = self.loss.guesses > 0 or self.loss.kernels > 0
        if staged and self.model.generator != "unrolled":
            raise ValueError(
                "loss.guesses and loss.kernels are for model.generator unrolled; set "
                "them to 0"
            )
        endless = self.data.source == "plates" and self.data.count is None
        if endless and self.train.steps is None:
            raise ValueError("endless plates (data.count null) need train.steps")
        return self


def _check_crop(data: Data, blur: Blur) -> None:
    if min(data.crop) + data.margin <= blur.canvas // 2:
        raise ValueError(
            f"data.crop {list(data.crop)} is too small for blur.canvas {blur.canvas}: "
            f"reflected borders need more than {blur.canvas // 2} pixels a side"
        )


def blur_problem(config: Config, paired: bool) -> str | None:
    """What is wrong with the keys about blur: without effect, or missing; else None.

    paired: whether all of the data are pairs, which come blurred.
    """
    if not paired:
        if config.blur is not None:
            return None
        return (
            "blur is null, but these data are not pairs alone: their sharp pictures "
            "have to be blurred; give blur its keys, or --set blur={} for the defaults"
        )
    if config.blur is not None:
        return (
            "blur has no effect on pairs, which come blurred; set it to null "
            "(--set blur=null)"
        )
    for key in ("color_jitter", "margin"):
        if getattr(config.data, key):
            return f"data.{key} has no effect on pairs, which come blurred; set it to 0"
    if config.loss.kernels > 0:
        return "loss.kernels needs kernels, and pairs have none; set it to 0"
    return None
