"""The files in a SavedModel's assets.extra: warm-up, batching, card and config."""

from __future__ import annotations

import shutil
from pathlib import Path

from deblurgan_tf.exporting import model_card, warm_up

BATCHING = """\
# tensorflow_model_server --enable_batching --batching_parameters_file=THIS_FILE
# joins requests of one signature that come within the timeout. It helps on a GPU, and
# only where all pictures have one size: a request is refused when its pictures differ
# in size from those that it is joined with, and one error fails all joined requests.
# Leave batching off for mixed sizes and for serve_bytes.
max_batch_size { value: 16 }
batch_timeout_micros { value: 2000 }
max_enqueued_batches { value: 64 }
num_batch_threads { value: 2 }
"""


def write(folder: Path, origin: model_card.Source, card: str) -> None:
    """Makes the folder; `card` is the model's card in Markdown.

    Raises OSError where it cannot be written.
    """
    folder.mkdir()
    warm_up.write(folder / "tf_serving_warmup_requests", origin.name)
    (folder / "batching_parameters.txt").write_text(BATCHING, encoding="utf-8")
    (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    if origin.config is not None:
        shutil.copyfile(origin.config, folder / "config.yaml")
