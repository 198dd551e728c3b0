"""Runs an exported model without Keras and without the code that made it.

    python -m deblurgan_tf.exporting.reloaded MODEL PICTURES.npz ANSWERS.npz

runs in a fresh process, which shares nothing with the exporting one. `agreement` starts
it and reads the answers.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Pictures = list[np.ndarray]
Runner = Callable[[Pictures], Pictures]


def runners(path: Path) -> dict[str, Runner]:
    """The signatures of an exported model, as functions of uint8 (H, W, 3) pictures.

    path: a SavedModel's folder, an .onnx or a .tflite file.
    """
    if path.suffix == ".onnx":
        return {"restored": _onnx(path)}
    if path.suffix == ".tflite":
        return {"restored": _litert(path)}
    return _saved_model(path)


def _onnx(path: Path) -> Runner:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return _each(lambda image: session.run(["restored"], {"image": image})[0])


def _litert(path: Path) -> Runner:
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(model_path=str(path)).get_signature_runner("serving_default")
    return _each(lambda image: run(image=image)["restored"])


def _saved_model(path: Path) -> dict[str, Runner]:
    import tensorflow as tf

    signatures: Any = tf.saved_model.load(str(path)).signatures

    def pixels(image: np.ndarray) -> np.ndarray:
        run = signatures["serving_default"]
        return run(image=tf.constant(image))["restored"].numpy()

    def floats(image: np.ndarray) -> np.ndarray:
        values = tf.constant(image.astype(np.float32) / 255)
        restored = signatures["serve_float"](image=values)["restored"].numpy()
        return np.rint(restored * 255).astype(np.uint8)

    def files(pictures: Pictures) -> Pictures:
        image_bytes = tf.stack([tf.io.encode_png(picture) for picture in pictures])
        answer = signatures["serve_bytes"](image_bytes=image_bytes)["restored_bytes"]
        return [tf.io.decode_png(file).numpy() for file in answer]

    return {
        "serving_default": _each(pixels),
        "serving_default, in batches": _batched(pixels),
        "serve_float": _each(floats),
        "serve_bytes": files,
    }


def _each(run: Callable[[np.ndarray], np.ndarray]) -> Runner:
    return lambda pictures: [run(picture[None])[0] for picture in pictures]


def _batched(run: Callable[[np.ndarray], np.ndarray]) -> Runner:
    """Runs pictures of one size as one batch; a single one is put in it twice."""

    def answers(pictures: Pictures) -> Pictures:
        restored: dict[int, np.ndarray] = {}
        for shape in {picture.shape for picture in pictures}:
            group = [n for n, picture in enumerate(pictures) if picture.shape == shape]
            batch = np.stack([pictures[n] for n in (group * 2)[: max(len(group), 2)]])
            restored |= dict(zip(group, run(batch), strict=False))
        return [restored[number] for number in range(len(pictures))]

    return answers


def main(model: str, source: str, target: str) -> None:
    """Restores the pictures of `source` and writes the answers to `target`."""
    with np.load(source) as stored:
        pictures = [stored[str(number)] for number in range(len(stored))]
    answers: dict[str, Any] = {}
    for signature, run in runners(Path(model)).items():
        begun = time.perf_counter()
        for number, restored in enumerate(run(pictures)):
            answers[f"{signature}/{number}"] = restored
        answers[f"{signature}/seconds"] = time.perf_counter() - begun
    np.savez(target, **answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
