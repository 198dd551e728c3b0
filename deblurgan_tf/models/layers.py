"""The layers that Keras lacks: padding to a multiple, cropping back, seeded dropout."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import keras
from keras import ops

from deblurgan_tf.blur.seeds import uniform

_SCOPE = threading.local()


@keras.saving.register_keras_serializable("deblurgan_tf")
class PadToMultiple(keras.layers.Layer):
    """Pads pictures at the bottom and right to a multiple of `multiple`.

    First by the edge value to at least `minimum` a side (a reflection needs more pixels
    than it adds), then by reflection (101) to the next multiple.
    (N, H, W, C) -> (N, H', W', C).
    """

    def __init__(self, multiple: int, minimum: int, **kwargs):
        super().__init__(**kwargs)
        self.multiple = multiple
        self.minimum = minimum

    def call(self, pictures):
        for axis in (1, 2):
            size = pictures.shape[axis]
            if size is not None and size >= self.minimum and not size % self.multiple:
                continue
            size = ops.shape(pictures)[axis]
            least = ops.maximum(size, self.minimum)
            padded = (least + self.multiple - 1) // self.multiple * self.multiple
            place = ops.arange(padded, dtype="int32")
            # Back and forth, as often as it takes: small pictures are shorter than what
            # a large multiple adds.
            turn = 2 * (least - 1)
            place = ops.mod(place, turn)
            place = ops.minimum(place, turn - place)
            pictures = ops.take(pictures, ops.minimum(place, size - 1), axis=axis)
        return pictures

    def compute_output_shape(self, input_shape):
        def padded(size):
            if size is None:
                return None
            return -(-max(size, self.minimum) // self.multiple) * self.multiple

        count, height, width, channels = input_shape
        return (count, padded(height), padded(width), channels)

    def get_config(self):
        config = {"multiple": self.multiple, "minimum": self.minimum}
        return super().get_config() | config


@keras.saving.register_keras_serializable("deblurgan_tf")
class CropLike(keras.layers.Layer):
    """[pictures, reference] -> the top left of pictures, in the reference's size."""

    def call(self, inputs):
        pictures, reference = inputs
        if None not in pictures.shape[1:3] and pictures.shape == reference.shape:
            return pictures
        shape = ops.shape(reference)
        return pictures[:, : shape[1], : shape[2]]

    def compute_output_shape(self, input_shape):
        pictures, reference = input_shape
        return (*reference[:3], pictures[3])


@keras.saving.register_keras_serializable("deblurgan_tf")
class CropFirstRowColumn(keras.layers.Layer):
    """(N, H, W, C) -> (N, H - 1, W - 1, C): without the first row and column.

    Cropping2D's gradient is slow in TensorFlow: a hundredth of a training step.
    """

    def call(self, pictures):
        count, height, width, channels = ops.shape(pictures)
        return ops.slice(
            pictures, (0, 1, 1, 0), (count, height - 1, width - 1, channels)
        )

    def compute_output_shape(self, input_shape):
        count, *sides, channels = input_shape
        return (count, *(side and side - 1 for side in sides), channels)


@keras.saving.register_keras_serializable("deblurgan_tf")
class BilinearUpsample2x(keras.layers.Layer):
    """Pictures of twice the size, linear between the middles of the old pixels.

    (N, H, W, C) -> (N, 2 H, 2 W, C). UpSampling2D's bilinear interpolation, which in
    Keras 3.15 cannot be traced for sizes that are not known.
    """

    def call(self, pictures):
        count, height, width, channels = ops.shape(pictures)
        first, last = pictures[:, :1], pictures[:, -1:]
        before = ops.concatenate([first, pictures[:, :-1]], 1)
        after = ops.concatenate([pictures[:, 1:], last], 1)
        rows = _between(before, pictures, after, 2)
        pictures = ops.reshape(rows, (count, 2 * height, width, channels))
        first, last = pictures[:, :, :1], pictures[:, :, -1:]
        before = ops.concatenate([first, pictures[:, :, :-1]], 2)
        after = ops.concatenate([pictures[:, :, 1:], last], 2)
        columns = _between(before, pictures, after, 3)
        shape = (count, 2 * height, 2 * width, channels)
        return ops.reshape(columns, shape)

    def compute_output_shape(self, input_shape):
        count, height, width, channels = input_shape
        sizes = (None if size is None else 2 * size for size in (height, width))
        return (count, *sizes, channels)


def _between(before, here, after, axis):
    """Before and behind the middle of each pixel a quarter of the way to the next."""
    most = 0.75 * here
    return ops.stack([most + 0.25 * before, most + 0.25 * after], axis)


@contextlib.contextmanager
def dropout_seeds(seeds) -> Iterator[None]:
    """Gives the `SampleDropout` layers that are called inside it their seeds.

    seeds: integers (N,), one per sample (seeds.py). The masks are a pure function of
    them, so that a sample's mask is the same in any batch and after a resume.
    """
    outer = getattr(_SCOPE, "seeds", None)
    _SCOPE.seeds = seeds
    try:
        yield
    finally:
        _SCOPE.seeds = outer


@keras.saving.register_keras_serializable("deblurgan_tf")
class SampleDropout(keras.layers.Layer):
    """Inverted dropout whose masks come from one seed per sample.

    Active when called with training=True inside `dropout_seeds`. `salt` tells layers of
    one model apart.
    """

    def __init__(self, rate: float, salt: int, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"rate must be in [0, 1); got {rate}")
        self.rate = rate
        self.salt = salt

    def call(self, x, training=False):
        if not training or self.rate == 0:
            return x
        seeds = getattr(_SCOPE, "seeds", None)
        if seeds is None:
            raise RuntimeError(
                "dropout in training needs seeds: call the model inside "
                "deblurgan_tf.models.layers.dropout_seeds(seeds)"
            )
        shape = ops.shape(x)
        size = shape[1] * shape[2] * shape[3]
        kept = ops.reshape(uniform(seeds, size, self.salt) >= self.rate, shape)
        return ops.where(kept, x * (1.0 / (1.0 - self.rate)), ops.zeros_like(x))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return super().get_config() | {"rate": self.rate, "salt": self.salt}


@contextlib.contextmanager
def recorded_statistics() -> Iterator[list]:
    """Inside it, an `InstanceNormalization` takes its statistics over the whole batch.

    Each call adds them to the list, float32 (2, C): means and variances.
    """
    record: list = []

    def note(values):
        mean, variance = _moments(values, axes=(0, 1, 2))
        record.append(ops.reshape(ops.stack([mean, variance]), (2, -1)))
        return mean, variance

    with _statistics(note):
        yield record


@contextlib.contextmanager
def given_statistics(record) -> Iterator[None]:
    """Inside it, each call of an `InstanceNormalization` takes the next of `record`."""
    rest = iter(record)

    def take(_):
        pair = next(rest)
        return pair[0], pair[1]

    with _statistics(take):
        yield


@contextlib.contextmanager
def _statistics(shared) -> Iterator[None]:
    outer = getattr(_SCOPE, "statistics", None)
    _SCOPE.statistics = shared
    try:
        yield
    finally:
        _SCOPE.statistics = outer


def _moments(values, axes):
    mean = ops.mean(values, axis=axes, keepdims=True)
    return mean, ops.mean(ops.square(values - mean), axis=axes, keepdims=True)


@keras.saving.register_keras_serializable("deblurgan_tf")
class InstanceNormalization(keras.layers.Layer):
    """Each channel of each sample to mean 0, variance 1 over (H, W); no parameters.

    As PyTorch's InstanceNorm2d(affine=False): biased variance, epsilon 1e-5. The same
    as GroupNormalization(groups=-1) without center and scale, but a batch of one, which
    DeblurGAN trains with, takes TensorFlow's fused kernel: a batch of one is where
    instance and batch normalisation are the same thing.
    """

    epsilon = 1e-5

    def call(self, x):
        shared = getattr(_SCOPE, "statistics", None)
        fused = keras.backend.backend() == "tensorflow" and x.shape[0] == 1
        if fused and shared is None:
            return self._fused(x)
        values = ops.cast(x, "float32")
        if shared is None:
            mean, variance = _moments(values, axes=(1, 2))
        else:
            mean, variance = shared(values)
        scale = ops.rsqrt(variance + self.epsilon)
        return ops.cast((values - mean) * scale, x.dtype)

    def _fused(self, x):
        import tensorflow as tf

        channels = x.shape[-1]
        return tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=tf.ones(channels),
            offset=tf.zeros(channels),
            mean=tf.zeros(0),
            variance=tf.zeros(0),
            epsilon=self.epsilon,
            is_training=True,
        ).y

    def compute_output_shape(self, input_shape):
        return input_shape


@keras.saving.register_keras_serializable("deblurgan_tf")
class ConvolutionToFew(keras.layers.Conv2D):
    """A Conv2D to few channels, stride 1 and no padding, that is fast on a CPU.

    (N, H, W, many) -> (N, H - K + 1, W - K + 1, few). The values are those of Conv2D,
    but for float32 rounding. TensorFlow's kernels are made for many channels: to 3 they
    reach a fifth of the rate that they reach to 256, and without oneDNN their gradients
    a hundredth.
    """

    def build(self, input_shape):
        plain = self.strides == self.dilation_rate == (1, 1) and self.groups == 1
        if not (plain and self.padding == "valid"):
            raise ValueError("needs strides, dilation and groups of 1 and no padding")
        super().build(input_shape)

    def call(self, x):
        if keras.backend.backend() != "tensorflow":
            return super().call(x)
        values = _convolution_to_few(x, ops.convert_to_tensor(self.kernel))
        if self.use_bias:
            values = values + self.bias
        return values if self.activation is None else self.activation(values)


def _convolution_to_few(pictures, kernel):
    import tensorflow as tf

    rows, columns, many, few = kernel.shape

    @tf.custom_gradient
    def convolve(pictures, kernel):
        def gradient(upstream):
            # What each pixel gave: the upstream convolved with the turned kernel.
            around = [(rows - 1, rows - 1), (columns - 1, columns - 1)]
            turned = tf.transpose(tf.reverse(kernel, [0, 1]), (0, 1, 3, 2))
            framed = tf.pad(upstream, [(0, 0), *around, (0, 0)])
            to_pictures = tf.nn.conv2d(framed, turned, 1, "VALID")

            # A kernel's row is a product of the picture's rows that it met and the
            # upstream, once for each place in the row.
            height = tf.shape(upstream)[1]
            places = [
                tf.pad(upstream, [(0, 0), (0, 0), (at, columns - 1 - at), (0, 0)])
                for at in range(columns)
            ]
            places = tf.reshape(tf.concat(places, -1), (-1, columns * few))
            products = []
            for row in range(rows):
                # The rows of a single picture lie together and are not copied.
                if pictures.shape[0] == 1:
                    met = pictures[0][row : row + height]
                else:
                    met = pictures[:, row : row + height]
                met = tf.reshape(met, (-1, many))
                products.append(tf.matmul(met, places, transpose_a=True))
            to_kernel = tf.reshape(tf.stack(products), (rows, many, columns, few))
            return to_pictures, tf.transpose(to_kernel, (0, 2, 1, 3))

        # The kernel's rows side by side as channels, each then moved to its place.
        beside = tf.reshape(
            tf.transpose(kernel, (1, 2, 0, 3)), (1, columns, many, rows * few)
        )
        values = tf.nn.conv2d(pictures, beside, 1, "VALID")
        height = tf.shape(pictures)[1] - rows + 1
        parts = [
            values[:, row : row + height, :, row * few : (row + 1) * few]
            for row in range(rows)
        ]
        return tf.add_n(parts), gradient

    # The value: a variable's gradient would be asked of `gradient` by its name.
    return convolve(pictures, tf.identity(kernel))
