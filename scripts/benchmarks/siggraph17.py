"""A network with the arithmetic of Zhang et al. 2017, which other colorizers use, and random weights for it.

It has the main branch and the ab output of "Real-Time User-Guided Image Colorization with Learned Deep Priors"
(https://arxiv.org/abs/1705.02999): lightness and empty hints in, ab out. Speed does not depend on trained weights. The
layers are data, so that PyTorch and OpenCV run the same network.
"""

import dataclasses
import math

import numpy as np

IMAGE_SIZE = 256
CHANNELS = 4  # lightness, ab hints and their mask
# Filters, convolutions, dilation, and whether every other pixel is dropped afterwards.
_ENCODER = [
    (64, 2, 1, True),
    (128, 2, 1, True),
    (256, 3, 1, True),
    (512, 3, 1, False),
    (512, 3, 2, False),
    (512, 3, 2, False),
    (512, 3, 1, False),
]
# Filters, convolutions, and the block of the encoder to add.
_DECODER = [(256, 2, 2), (128, 1, 1), (128, 1, 0)]


@dataclasses.dataclass(frozen=True)
class Layer:
    """One operation; `inputs` are the indexes of the layers that it reads, -1 is the network's input."""

    kind: str  # conv, up (a transposed convolution), relu, leaky_relu, tanh, norm, halve, add
    inputs: tuple
    channels: int  # of the result
    side: int  # of the result
    shape: tuple = ()  # of the kernel: out, in, height, width; with "up" in, out
    dilation: int = 1

    @property
    def parameters(self):
        """Returns the number of trainable parameters."""
        if self.kind == "norm":
            return 2 * self.channels
        return math.prod(self.shape) + self.channels if self.shape else 0

    @property
    def gflop(self):
        """Returns the arithmetic of a convolution, with an addition counted like a product; `up` has stride 2."""
        positions = self.side**2 / (4 if self.kind == "up" else 1)
        return 2 * math.prod(self.shape) * positions / 1e9 if self.shape else 0.0


def layers():
    """Returns the network as a list of `Layer` in order of dependency."""
    made = []

    def add(kind, *inputs, **changes):
        first = made[inputs[0]] if inputs[0] >= 0 else Layer("input", (), CHANNELS, IMAGE_SIZE)
        made.append(Layer(kind, inputs, **{"channels": first.channels, "side": first.side, **changes}))
        return len(made) - 1

    def conv(index, filters, size=3, dilation=1):
        channels = made[index].channels if index >= 0 else CHANNELS
        return add("conv", index, channels=filters, shape=(filters, channels, size, size), dilation=dilation)

    x, blocks = -1, []
    for filters, count, dilation, halve in _ENCODER:
        for _ in range(count):
            x = add("relu", conv(x, filters, dilation=dilation))
        x = add("norm", x)
        blocks.append(x)
        x = add("halve", x, side=made[x].side // 2) if halve else x
    for filters, count, block in _DECODER:
        larger = {"channels": filters, "side": 2 * made[x].side, "shape": (made[x].channels, filters, 4, 4)}
        x = add("relu", add("add", add("up", x, **larger), conv(blocks[block], filters)))
        for left in reversed(range(count)):
            x = add("leaky_relu" if block == left == 0 else "relu", conv(x, filters))
        x = add("norm", x) if block > 0 else x
    add("tanh", conv(x, 2, size=1))
    return made


def counts():
    """Returns the number of parameters and the GFLOP per picture."""
    network = layers()
    return sum(layer.parameters for layer in network), sum(layer.gflop for layer in network)


def random_weights(seed=0):
    """Returns a dict of float32 arrays: "3.kernel" and "3.bias" of layer 3, "5.scale" and "5.bias" of a norm."""
    random, weights = np.random.default_rng(seed), {}
    for index, layer in enumerate(layers()):
        if layer.shape:
            fan_in = math.prod(layer.shape[1:]) if layer.kind == "conv" else layer.shape[0] * 4
            kernel = random.standard_normal(layer.shape, np.float32) * np.float32(math.sqrt(2 / fan_in))
            weights[f"{index}.kernel"] = kernel
        if layer.kind == "norm":
            weights[f"{index}.scale"] = random.uniform(0.8, 1.2, layer.channels).astype(np.float32)
        if layer.parameters:
            weights[f"{index}.bias"] = random.uniform(-0.1, 0.1, layer.channels).astype(np.float32)
    return weights


def write_onnx(weights, path):
    """Writes the network with given weights as an ONNX file."""
    import onnx
    from onnx import helper

    size = [1, CHANNELS, IMAGE_SIZE, IMAGE_SIZE]
    network = layers()
    given = {**weights, **_onnx_constants(network)}
    graph = helper.make_graph(
        [_onnx_node(helper, index, layer) for index, layer in enumerate(network)],
        "siggraph17",
        [helper.make_tensor_value_info("-1", onnx.TensorProto.FLOAT, size)],
        [helper.make_tensor_value_info(str(len(network) - 1), onnx.TensorProto.FLOAT, [1, 2, *size[2:]])],
        [onnx.numpy_helper.from_array(value, name) for name, value in given.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _onnx_constants(network):
    corners = {"starts": [0, 0], "ends": [IMAGE_SIZE, IMAGE_SIZE], "axes": [2, 3], "steps": [2, 2]}
    constants = {name: np.array(value, np.int64) for name, value in corners.items()}
    for index, layer in enumerate(network):
        if layer.kind == "norm":
            constants[f"{index}.mean"] = np.zeros(layer.channels, np.float32)
            constants[f"{index}.variance"] = np.ones(layer.channels, np.float32)
    return constants


def _onnx_node(helper, index, layer):
    inputs, attributes = [str(i) for i in layer.inputs], {}
    padding = layer.dilation * (layer.shape[-1] // 2) if layer.kind == "conv" else 1
    if layer.shape:
        inputs += [f"{index}.kernel", f"{index}.bias"]
        attributes = {"kernel_shape": layer.shape[2:], "pads": [padding] * 4}
        attributes |= {"dilations": [layer.dilation] * 2} if layer.kind == "conv" else {"strides": [2, 2]}
    if layer.kind == "norm":
        inputs += [f"{index}.{name}" for name in ("scale", "bias", "mean", "variance")]
        attributes = {"epsilon": 1e-5}
    if layer.kind == "halve":
        inputs += ["starts", "ends", "axes", "steps"]
    if layer.kind == "leaky_relu":
        attributes = {"alpha": 0.2}
    kinds = {"conv": "Conv", "up": "ConvTranspose", "relu": "Relu", "leaky_relu": "LeakyRelu", "tanh": "Tanh"}
    kinds |= {"norm": "BatchNormalization", "halve": "Slice", "add": "Add"}
    return helper.make_node(kinds[layer.kind], inputs, [str(index)], **attributes)
