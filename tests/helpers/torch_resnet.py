"""torchvision's ResNet18 in PyTorch, and random weights by torchvision's names."""

import numpy as np


def torch_shapes(blocks_per_stage=(2, 2, 2, 2)):
    """Names and shapes of torchvision's state dict, for basic blocks."""
    shapes = {"conv1.weight": (64, 3, 7, 7), "fc.weight": (1000, 512), "fc.bias": (1000,)}
    norms = {"bn1": 64}
    channels = 64
    for stage, blocks_here in enumerate(blocks_per_stage, start=1):
        filters = 32 * 2**stage
        for block in range(blocks_here):
            name = f"layer{stage}.{block}"
            shapes[f"{name}.conv1.weight"] = (filters, channels, 3, 3)
            shapes[f"{name}.conv2.weight"] = (filters, filters, 3, 3)
            norms |= {f"{name}.bn1": filters, f"{name}.bn2": filters}
            if channels != filters:
                shapes[f"{name}.downsample.0.weight"] = (filters, channels, 1, 1)
                norms[f"{name}.downsample.1"] = filters
            channels = filters
    for name, filters in norms.items():
        for field in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.{field}"] = (filters,)
        shapes[f"{name}.num_batches_tracked"] = ()
    return shapes


def random_state(rng, shapes):
    """Random weights and random statistics that keep the features in the order of 1."""
    state = {}
    for name, shape in shapes.items():
        if name.endswith("running_var"):
            state[name] = rng.uniform(0.5, 2.0, shape).astype("float32")
        elif len(shape) == 4:
            scale = np.sqrt(2.0 / np.prod(shape[1:]))
            state[name] = rng.normal(0.0, scale, shape).astype("float32")
        elif name.endswith(".weight") and "fc" not in name:
            state[name] = rng.uniform(0.5, 1.0, shape).astype("float32")
        elif name.endswith("num_batches_tracked"):
            state[name] = np.int64(7)
        else:
            state[name] = rng.normal(0.0, 0.3, shape).astype("float32")
    return state


def torch_features(state, x):
    """torchvision's ResNet18, written out in PyTorch: features at strides 2 to 32, channels last."""
    import torch

    functional = torch.nn.functional
    state = {name: torch.from_numpy(np.asarray(value)) for name, value in state.items()}

    def convolve(x, name, norm, stride):
        kernel = state[f"{name}.weight"]
        x = functional.conv2d(x, kernel, stride=stride, padding=kernel.shape[-1] // 2)
        fields = [state[f"{norm}.{f}"] for f in ("running_mean", "running_var", "weight", "bias")]
        return functional.batch_norm(x, *fields, training=False, eps=1e-5)

    with torch.no_grad():
        x = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
        x = functional.relu(convolve(x, "conv1", "bn1", 2))
        features = [x]
        x = functional.max_pool2d(x, 3, stride=2, padding=1)
        for stage in (1, 2, 3, 4):
            for block in (0, 1):
                name, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
                residual = functional.relu(convolve(x, f"{name}.conv1", f"{name}.bn1", stride))
                residual = convolve(residual, f"{name}.conv2", f"{name}.bn2", 1)
                if stride == 2:
                    x = convolve(x, f"{name}.downsample.0", f"{name}.downsample.1", 2)
                x = functional.relu(x + residual)
            features.append(x)
        return [feature.numpy().transpose(0, 2, 3, 1) for feature in features]
