"""What PyTorch and its authors' lpips compute on seeded inputs, stored for tests that run without them.

Written once, in an environment with numpy, torch and lpips, by

PYTHONPATH=scripts:. python tests/helpers/pytorch_oracles.py
"""

import pathlib

import numpy as np

STORED = pathlib.Path(__file__).resolve().parents[1] / "files" / "pytorch.npz"
RESNET_SIZE = 65  # 32 k + 1: there "same" pads as PyTorch does
_KEPT = slice(None, None, 16)  # of rows and columns of the network of benchmarks/siggraph17.py


def lpips_weights(path):
    """Writes a file of random weights as LPIPS has them; returns them as arrays."""
    random = np.random.default_rng(0)
    shapes = [(11, 3, 64), (5, 64, 192), (3, 192, 384), (3, 384, 256), (3, 256, 256)]
    arrays = {}
    for number, (side, before, after) in enumerate(shapes, start=1):
        scale = 1.5 / np.sqrt(side * side * before)
        arrays[f"conv{number}_kernel"] = random.normal(0, scale, (side, side, before, after)).astype(np.float32)
        arrays[f"conv{number}_bias"] = random.normal(0, 0.1, after).astype(np.float32)
        arrays[f"lin{number - 1}"] = random.uniform(0, 1, after).astype(np.float32)
    np.savez(path, **arrays)
    return arrays


def pairs_of_pictures():
    """Returns two arrays of uint8 `(2, 72, 96, 3)`: noise, and the same with some of other noise."""
    random = np.random.default_rng(1)
    first = random.integers(0, 256, (2, 72, 96, 3))
    other = random.integers(0, 256, first.shape)
    share = np.array([0.2, 0.8]).reshape(2, 1, 1, 1)
    return first.astype(np.uint8), (first * (1 - share) + other * share).astype(np.uint8)


def pictures_for_resnet():
    """Returns float32 `(1, 65, 65, 3)`."""
    return np.random.default_rng(2).normal(size=(1, RESNET_SIZE, RESNET_SIZE, 3)).astype(np.float32)


def planes():
    """Returns the input of the network of `benchmarks.siggraph17`, float32 `(1, 4, 256, 256)`."""
    return np.random.default_rng(3).uniform(-1, 1, (1, 4, 256, 256)).astype(np.float32)


def kept(ab):
    """Returns the part of that network's output that is stored."""
    return ab[..., _KEPT, _KEPT]


def _lpips(folder):
    import lpips
    import torch

    network = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    arrays = lpips_weights(folder / "lpips.npz")
    layers = [layer for layer in network.net.modules() if isinstance(layer, torch.nn.Conv2d)]
    with torch.no_grad():
        for number, layer in enumerate(layers, start=1):
            layer.weight.copy_(torch.from_numpy(arrays[f"conv{number}_kernel"].transpose(3, 2, 0, 1).copy()))
            layer.bias.copy_(torch.from_numpy(arrays[f"conv{number}_bias"]))
            linear = getattr(network, f"lin{number - 1}").model[-1]
            linear.weight.copy_(torch.from_numpy(arrays[f"lin{number - 1}"]).reshape(1, -1, 1, 1))
        scaled = [torch.from_numpy(rgb.transpose(0, 3, 1, 2) / np.float32(127.5) - 1) for rgb in pairs_of_pictures()]
        return network.eval()(*scaled).numpy().ravel()


def _parameters():
    from benchmarks import pytorch_pix2pix

    networks = (pytorch_pix2pix.Level(1, 0), pytorch_pix2pix.patchgan())
    return [sum(parameter.numel() for parameter in network.parameters()) for network in networks]


def _siggraph17():
    import torch
    from benchmarks import pytorch_siggraph17, siggraph17

    with torch.inference_mode():
        network = pytorch_siggraph17.Siggraph17(siggraph17.random_weights()).eval()
        return kept(network(torch.from_numpy(planes())).numpy())


def main():
    """Writes `STORED`."""
    import tempfile

    import torch_resnet

    state = torch_resnet.random_state(np.random.default_rng(0), torch_resnet.torch_shapes())
    features = torch_resnet.torch_features(state, pictures_for_resnet())
    with tempfile.TemporaryDirectory() as folder:
        distances = _lpips(pathlib.Path(folder))
    np.savez_compressed(
        STORED,
        lpips=distances,
        parameters=_parameters(),
        siggraph17=_siggraph17(),
        # Every eighth channel of each level.
        **{f"resnet{level}": feature[..., ::8].astype(np.float16) for level, feature in enumerate(features)},
    )


if __name__ == "__main__":
    main()
