"""Several devices, several machines: one training on all of them.

`data.batch` is the number of samples of all replicas together in one step, so N
replicas train as one would. The work is done by TensorFlow's tf.distribute.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from typing import Any

import tensorflow as tf

from deblurgan_tf.config import Config
from deblurgan_tf.errors import ConfigError, WorkFailed


def open_strategy(config: Config) -> tf.distribute.Strategy | None:
    """The strategy that `train.strategy` names; None for one device.

    auto: multi_worker where TF_CONFIG names several workers, mirrored where there are
    several GPUs, else one. multi_worker waits until all workers have started. Call it
    before TensorFlow's first operation.

    Raises ConfigError where the devices or workers are not there, or cannot share the
    batch equally.
    """
    name = strategy_name(config)
    if name == "one":
        return None
    if name == "multi_worker":
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    else:
        strategy = tf.distribute.MirroredStrategy()
        if strategy.num_replicas_in_sync == 1:
            raise ConfigError(
                "train.strategy mirrored: there is one device, and it needs several; "
                "use one or auto"
            )
    replicas = strategy.num_replicas_in_sync
    if config.data.batch % replicas:
        raise ConfigError(
            f"data.batch {config.data.batch} cannot be shared by {replicas} replicas "
            f"equally; give a multiple of {replicas}"
        )
    return strategy


def strategy_name(config: Config) -> str:
    """one, mirrored or multi_worker, where `train.strategy` is auto too.

    Raises ConfigError for multi_worker where TF_CONFIG names no other worker.
    """
    name: str = config.train.strategy
    several = name in ("auto", "multi_worker") and len(_workers()) > 1
    if name == "multi_worker" and not several:
        raise ConfigError(
            "train.strategy multi_worker: TF_CONFIG names no other worker; start "
            'each worker with TF_CONFIG=\'{"cluster": {"worker": ["HOST:PORT", '
            '...]}, "task": {"type": "worker", "index": N}}\', or use mirrored'
        )
    if name != "auto":
        return name
    if several:
        return "multi_worker"
    return "mirrored" if len(tf.config.list_logical_devices("GPU")) > 1 else "one"


def _workers() -> list[str]:
    """The addresses of all workers, the chief's first, as TF_CONFIG names them."""
    text = os.environ.get("TF_CONFIG", "")
    if not text:
        return []
    try:
        cluster = json.loads(text)["cluster"]
        return [*cluster.get("chief", []), *cluster["worker"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError(
            f"the environment variable TF_CONFIG cannot be understood: {text}"
        ) from None


# What TensorFlow raises when another worker does not answer any more.
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)
# An InternalError can be a fault of this worker's device, for example of cuDNN. It is a
# fault of the connection only where its message names one of these.
CONNECTION = re.compile(
    r"grpc|recvbuf|heartbeat|coordination|connection reset|from peer|socket closed",
    re.IGNORECASE,
)


def is_lost_worker(error: BaseException | None) -> bool:
    """Whether TensorFlow raised it because another worker does not answer any more."""
    if isinstance(error, tf.errors.InternalError):
        return CONNECTION.search(error.message) is not None
    return isinstance(error, LOST)


class Workers:
    """The processes of a training, as one of them sees them: alone, or several.

    A context: what TensorFlow raises inside it because another worker is gone becomes
    a WorkFailed.
    """

    def __init__(self, strategy: tf.distribute.Strategy | None) -> None:
        self.chief = _is_chief(strategy)
        self.strategy: Any = None
        if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            self.strategy = strategy
            self._sum = tf.function(self._summed, autograph=False)

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: object
    ) -> None:
        if self.strategy is not None and is_lost_worker(error):
            raise WorkFailed(
                "another worker is gone; what was trained up to the last checkpoint is "
                "kept. Start all workers again with the same command to resume"
            ) from error

    def _summed(self, value: tf.Tensor) -> tf.Tensor:
        total = tf.distribute.ReduceOp.SUM
        each = self.strategy.run(tf.identity, (value,))
        return self.strategy.reduce(total, each, axis=None)

    def any(self, flag: bool) -> bool:
        """Whether the flag is true in any process. Each waits for all others."""
        if self.strategy is None:
            return flag
        return bool(self._sum(tf.constant(float(flag))) > 0.0)

    def wait(self) -> None:
        """Waits until all processes have come here."""
        self.any(False)

    def check_same(self, what: str) -> None:
        """Raises WorkFailed in all processes where `what` is not the same in all."""
        if self.strategy is None:
            return
        digest = hashlib.sha256(what.encode(errors="surrogateescape")).digest()
        # Eight numbers of 16 bits: their sums and squares are exact in float64.
        numbers = tf.cast(tf.io.decode_raw(digest[:16], tf.uint16), tf.float64)
        count = self.strategy.num_replicas_in_sync
        totals = self._sum(tf.stack([numbers, tf.square(numbers)]))
        # All numbers are equal where the mean of the squares is the square of the mean.
        if bool(tf.reduce_any(totals[1] * count != tf.square(totals[0]))):
            raise WorkFailed(
                "the workers do not have the same config, pictures and checkpoint: "
                "give all of them the same command, and a --run folder and data that "
                "all of them see"
            )


def _is_chief(strategy: tf.distribute.Strategy | None) -> bool:
    """Whether this process writes the run's folder: the chief, or worker 0."""
    resolver = getattr(strategy, "cluster_resolver", None)
    if resolver is None or not resolver.task_type:
        return True
    if resolver.cluster_spec().as_dict().get("chief"):
        return resolver.task_type == "chief"
    return resolver.task_id == 0
