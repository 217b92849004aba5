"""Counts the arithmetic and memory traffic of a TensorFlow graph's operations."""

import math

# These pass tensors on without accessing them.
VIEWS = {"Const", "Identity", "IdentityN", "NoOp", "Placeholder", "ReadVariableOp", "Reshape", "StopGradient"}


def needed_operations(graph):
    """Returns the operations on which a graph's results depend; TensorFlow drops the others."""
    needed, waiting = set(), [tensor.op for tensor in graph.outputs] + list(graph.control_outputs)
    while waiting:
        operation = waiting.pop()
        if operation not in needed:
            needed.add(operation)
            waiting += [tensor.op for tensor in operation.inputs] + list(operation.control_inputs)
    return needed


def gigaflop(operations):
    """Returns the arithmetic of convolutions and matrix products, with an addition counted like a product."""
    return 2 * sum(map(_products, operations)) / 1e9


def gigabyte(operations):
    """Returns the bytes that operations read and write, each counted separately."""
    return sum(map(_traffic, operations)) / 1e9


def _products(operation):
    if operation.type == "MatMul":
        left, right = (tensor.shape for tensor in operation.inputs)
        rows, inner = left[::-1] if operation.get_attr("transpose_a") else left
        return rows * inner * (right[0] if operation.get_attr("transpose_b") else right[1])
    # Each output position of the forward convolution uses each weight once.
    if operation.type == "Conv2D":
        kernel, positions = operation.inputs[1].shape, operation.outputs[0].shape
    elif operation.type == "Conv2DBackpropInput":
        kernel, positions = operation.inputs[1].shape, operation.inputs[2].shape
    elif operation.type == "Conv2DBackpropFilter":
        kernel, positions = operation.outputs[0].shape, operation.inputs[2].shape
    else:
        return 0
    return math.prod(kernel) * math.prod(positions[:3])


def _traffic(operation):
    if operation.type in VIEWS:
        return 0
    if operation.type == "ResourceApplyAdam":  # reads the gradient; reads and writes the variable and two moments
        return 7 * _bytes(operation.inputs[-1])
    return sum(map(_bytes, [*operation.inputs, *operation.outputs]))


def _bytes(tensor):
    return tensor.shape.num_elements() * tensor.dtype.size if tensor.shape.is_fully_defined() else 0
