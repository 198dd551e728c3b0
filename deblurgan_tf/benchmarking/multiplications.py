"""Multiply-accumulate operations (MACs) of a TensorFlow function.

Those of convolutions and matrix products are counted in the graph that runs, with its
gradients and loops. Sums, activations and normalisations are left out; in these
networks they are about one percent. A graph also has gradients that nothing uses: they
are never computed and do not count.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

SIDE = 2048
"""Of the square matrices whose product shows what the machine can do."""


def of_graph(
    function: tf.types.experimental.ConcreteFunction, iterations: int = 1
) -> int:
    """MACs of one call of a traced function.

    iterations: of each while loop in it.

    Raises:
        ValueError: a size is not known in the graph. Trace it with known shapes, and
            with sides that the network does not need to pad.
    """
    return _of_operations(function.graph, iterations)


def of_model(model: Callable[..., Any], shape: tuple[int, int, int, int]) -> int:
    """MACs of a network's forward pass for pictures of a shape (N, H, W, C)."""
    forward = tf.function(lambda pictures: model(pictures, training=False))
    return of_graph(forward.get_concrete_function(tf.TensorSpec(shape, tf.float32)))


def product(dtype: tf.DType) -> tuple[Callable[[], object], int]:
    """A large matrix product of a type, as a work, and its MACs."""
    one, other = (
        tf.cast(tf.random.stateless_uniform([SIDE, SIDE], [0, n], -1.0, 1.0), dtype)
        for n in range(2)
    )
    multiply = tf.function(lambda a, b: tf.matmul(a, b))
    return lambda: multiply(one, other).numpy(), SIDE**3


def _of_operations(graph: tf.Graph, iterations: int) -> int:
    total = 0
    for operation in _needed(graph):
        if operation.type in ("While", "StatelessWhile"):
            body = graph._get_function(operation.get_attr("body").name)
            total += iterations * _of_operations(body.graph, iterations)
        elif operation.type in ("PartitionedCall", "StatefulPartitionedCall"):
            called = graph._get_function(operation.get_attr("f").name)
            total += _of_operations(called.graph, iterations)
        elif operation.type in _COUNTS:
            total += _COUNTS[operation.type](operation)
    return total


def _needed(graph: tf.Graph) -> list[tf.Operation]:
    """The operations that outputs or changes of variables depend on."""
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
    # The inputs are (sizes, kernel, gradient of the convolution's output).
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
