"""The network of `siggraph17` in PyTorch."""

import torch
from torch import nn

from benchmarks import siggraph17


class Siggraph17(nn.Module):
    """Maps float32 `(1, 4, 256, 256)` to ab `(1, 2, 256, 256)`; `weights` are `siggraph17.random_weights`."""

    def __init__(self, weights):
        super().__init__()
        self.network = siggraph17.layers()
        self.steps = nn.ModuleList(_module(layer) for layer in self.network)
        # Results that are used again later; others are released at once.
        self.kept = {
            source for index, layer in enumerate(self.network) for source in layer.inputs if source < index - 1
        }
        names = {"kernel": "weight", "scale": "weight", "bias": "bias"}
        for name, value in weights.items():
            index, part = name.split(".")
            setattr(self.steps[int(index)], names[part], nn.Parameter(torch.from_numpy(value)))

    def forward(self, x):
        kept = {-1: x}
        for index, (layer, step) in enumerate(zip(self.network, self.steps)):
            if layer.kind == "halve":
                x = x[:, :, ::2, ::2]
            elif layer.kind == "add":
                x = sum(kept.get(source, x) for source in layer.inputs)
            else:
                (source,) = layer.inputs
                x = step(kept.get(source, x))
            if index in self.kept:
                kept[index] = x
        return x


def _module(layer):
    if layer.kind == "conv":
        padding = layer.dilation * (layer.shape[-1] // 2)
        return nn.Conv2d(layer.shape[1], layer.shape[0], layer.shape[-1], padding=padding, dilation=layer.dilation)
    if layer.kind == "up":
        return nn.ConvTranspose2d(layer.shape[0], layer.shape[1], 4, 2, 1)
    if layer.kind == "norm":
        return nn.BatchNorm2d(layer.channels)
    kinds = {"relu": nn.ReLU(), "leaky_relu": nn.LeakyReLU(0.2), "tanh": nn.Tanh()}
    return kinds.get(layer.kind, nn.Identity())
