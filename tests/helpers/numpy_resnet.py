"""torchvision's ResNet18 and ResNet34 written out in NumPy, after PyTorch's definition of each operation.

Weights go by torchvision's names. Where PyTorch is installed, `tests/models/test_backbones.py` compares the two.
"""

import numpy as np

N_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}


def padded(x, width, value=0.0):
    return np.pad(x, ((0, 0), (0, 0), (width, width), (width, width)), constant_values=value)


def windows(x, size, stride):
    """`(batch, channels, rows, columns, size, size)` of a picture with its channels first."""
    return np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(2, 3))[:, :, ::stride, ::stride]


def convolve(x, kernel, stride):
    """torch.nn.functional.conv2d with as much padding as keeps the middle: (size - 1) / 2 on each side."""
    size = kernel.shape[-1]
    patches = windows(padded(x, size // 2), size, stride)
    return np.einsum("bcyxij,ocij->boyx", patches, kernel, optimize=True)


def normalize(x, mean, variance, scale, offset):
    """torch.nn.functional.batch_norm in evaluation, with its epsilon of 1e-5."""
    mean, variance, scale, offset = (part[:, np.newaxis, np.newaxis] for part in (mean, variance, scale, offset))
    return (x - mean) / np.sqrt(variance + 1e-5) * scale + offset


def features(state, x, layers=18):
    """Returns the features at strides 2 to 32 of `(batch, height, width, 3)`, channels last, in float64."""
    state = {name: np.asarray(value, np.float64) for name, value in state.items()}
    fields = ("running_mean", "running_var", "weight", "bias")

    def step(x, name, norm, stride):
        return normalize(convolve(x, state[f"{name}.weight"], stride), *(state[f"{norm}.{field}"] for field in fields))

    x = np.maximum(step(np.asarray(x, np.float64).transpose(0, 3, 1, 2), "conv1", "bn1", 2), 0)
    found = [x]
    x = windows(padded(x, 1, -np.inf), 3, 2).max(axis=(4, 5))  # torch.nn.functional.max_pool2d(x, 3, 2, padding=1)
    for stage, n_blocks in enumerate(N_BLOCKS[layers], start=1):
        for block in range(n_blocks):
            name, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            residual = np.maximum(step(x, f"{name}.conv1", f"{name}.bn1", stride), 0)
            residual = step(residual, f"{name}.conv2", f"{name}.bn2", 1)
            if stride == 2:
                x = step(x, f"{name}.downsample.0", f"{name}.downsample.1", 2)
            x = np.maximum(x + residual, 0)
        found.append(x)
    return [one.transpose(0, 2, 3, 1) for one in found]
