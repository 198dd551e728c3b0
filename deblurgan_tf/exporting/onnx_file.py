"""An ONNX file of a generator: stored pixels in and out, any size, standard operators.

`image`, uint8 (N, H, W, 3) RGB -> `restored`, the same. Needs the extra `onnx`.
"""

from __future__ import annotations

from pathlib import Path

import keras

from deblurgan_tf.exporting.graph import converting, restoring_uint8

OPSET = 17
"""Of ONNX 1.12 (2022); ONNX Runtime has it since 1.12."""
AXES = ("N", "H", "W", 3)


def save(model: keras.Model, path: Path, facts: dict[str, str]) -> None:
    """Writes the file; `facts` become its metadata.

    Instance normalisation is written as means and products, not as ONNX's operator,
    which would round differently. Only memory limits the size of pictures: an ONNX
    graph cannot refuse any. Raises WorkFailed where the converter refuses the model.
    """
    import onnx
    import tf2onnx

    function = restoring_uint8(model)
    with converting(model, "onnx"):
        proto, _ = tf2onnx.convert.from_function(
            function, input_signature=function.input_signature, opset=OPSET
        )
    used = {node.domain for node in proto.graph.node}
    if used != {""}:
        raise AssertionError(f"operators that are not of ONNX itself: {used}")
    del proto.opset_import[:]
    proto.opset_import.append(onnx.helper.make_opsetid("", OPSET))
    for value in (*proto.graph.input, *proto.graph.output):
        for axis, dimension in zip(AXES, value.type.tensor_type.shape.dim, strict=True):
            if isinstance(axis, str):
                dimension.dim_param = axis
    onnx.helper.set_model_props(proto, facts)
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, str(path))
