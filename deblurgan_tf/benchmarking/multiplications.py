"""Multiplications with an addition (MACs) of a TensorFlow function, and their rate.

They are counted in the graph that runs, gradients and loops included, so that nothing
is forgotten: those of convolutions and matrix products. Sums, activations and
normalisations are left out; in these networks they are a hundredth. Gradients that
nobody asked for stand in the graph too and are never computed: they do not count.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import tensorflow as tf

SIDE = 2048
"""Of the matrices whose product is the measure of what the machine can do."""


def of_graph(function: tf.types.experimental.ConcreteFunction, turns: int = 1) -> int:
    """MACs of one call. `turns`: how often a while loop goes round.

    Raises ValueError where the graph does not know the sizes: trace it with shapes that
    are known, of a multiple that the network does not pad.
    """
    return _of_operations(function.graph, turns)


def of_model(model: Callable, shape: tuple[int, int, int, int]) -> int:
    """MACs of a network's forward pass over pictures of a shape (N, H, W, C)."""
    forward = tf.function(lambda pictures: model(pictures, training=False))
    return of_graph(forward.get_concrete_function(tf.TensorSpec(shape, tf.float32)))


def product(dtype: tf.DType) -> tuple[Callable[[], object], int]:
    """A large matrix product, and its MACs."""
    one, other = (
        tf.cast(tf.random.stateless_uniform([SIDE, SIDE], [0, n], -1.0, 1.0), dtype)
        for n in range(2)
    )
    multiply = tf.function(lambda a, b: tf.matmul(a, b))
    return lambda: multiply(one, other).numpy(), SIDE**3


def _of_operations(graph: tf.Graph, turns: int) -> int:
    total = 0
    for operation in _needed(graph):
        if operation.type in ("While", "StatelessWhile"):
            body = graph._get_function(operation.get_attr("body").name)
            total += turns * _of_operations(body.graph, turns)
        elif operation.type in ("PartitionedCall", "StatefulPartitionedCall"):
            called = graph._get_function(operation.get_attr("f").name)
            total += _of_operations(called.graph, turns)
        elif operation.type in _COUNTS:
            total += _COUNTS[operation.type](operation)
    return total


def _needed(graph: tf.Graph) -> list[tf.Operation]:
    """What the outputs of a function's graph depend on, and what changes a state."""
    waiting = [tensor.op for tensor in graph.outputs] + list(graph.control_outputs)
    found = set(waiting)
    while waiting:
        operation = waiting.pop()
        before = {tensor.op for tensor in operation.inputs} | {
            *operation.control_inputs
        }
        waiting += before - found
        found |= before
    return [operation for operation in graph.get_operations() if operation in found]


def _size(tensor: tf.Tensor) -> int:
    return math.prod(_shape(tensor))


def _shape(tensor: tf.Tensor) -> list[int]:
    shape = tensor.shape
    if shape.rank is None or None in shape.as_list():
        raise ValueError(f"{tensor.name}: its size {shape} is not known in the graph")
    return shape.as_list()


def _convolution(operation: tf.Operation) -> int:
    height, width, inputs, _ = _shape(operation.inputs[1])
    return _size(operation.outputs[0]) * height * width * inputs


def _input_gradient(operation: tf.Operation) -> int:
    # Of the convolution whose gradient it is: (sizes, kernel, gradient of its output).
    height, width, inputs, _ = _shape(operation.inputs[1])
    return _size(operation.inputs[2]) * height * width * inputs


def _kernel_gradient(operation: tf.Operation) -> int:
    height, width, inputs, _ = _shape(operation.outputs[0])
    return _size(operation.inputs[2]) * height * width * inputs


def _matrix_product(operation: tf.Operation) -> int:
    flag = "transpose_a" if operation.type == "MatMul" else "adj_x"
    transposed = operation.get_attr(flag)
    inner = _shape(operation.inputs[0])[-2 if transposed else -1]
    return _size(operation.outputs[0]) * inner


_COUNTS = {
    "Conv2D": _convolution,
    "Conv2DBackpropInput": _input_gradient,
    "Conv2DBackpropFilter": _kernel_gradient,
    "MatMul": _matrix_product,
    "BatchMatMulV2": _matrix_product,
}
