"""LPIPS on the backbone for which it was calibrated: from a file of weights, or with its authors' package."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import pathlib
import warnings

import numpy as np

from tf_colorize import installation, model_metadata

# For each convolution of AlexNet: side, stride, padding, and whether a max pooling precedes it.
_ALEXNET = ((11, 4, 2, False), (5, 1, 2, True), (3, 1, 1, True), (3, 1, 1, False), (3, 1, 1, False))
_SHIFT = np.array([-0.030, -0.088, -0.188], np.float32)  # mean and scale of sRGB in [-1, 1]
_SCALE = np.array([0.458, 0.448, 0.450], np.float32)


class Lpips:
    """The learned perceptual distance between two pictures, only with its original weights.

    Source: Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric": the linear
    layers of version 0.1, from the package `lpips`, on torchvision's AlexNet, downloaded once into torch's cache.

    Create it before TensorFlow is imported: torchvision's CUDA build aborts the process if it is loaded second.

    Calling it with two uint8 arrays `(batch, height, width, 3)` of sRGB, at least 64 pixels a side, returns float32
    `(batch,)`: 0 means identical pictures, higher means less similar.

    Raises:
        ValueError: the packages or the weights are missing, or the weights are not AlexNet's.
    """

    name = "LPIPS (AlexNet, v0.1)"

    def __init__(self) -> None:
        try:
            import lpips
            import torch
            import torchvision
        except ImportError as error:
            raise ValueError(
                f"LPIPS needs the packages lpips and torch. Received: {error}. Run: {installation.pip_install('lpips')}"
            ) from error
        url = torchvision.models.AlexNet_Weights.IMAGENET1K_V1.url
        file = pathlib.Path(torch.hub.get_dir()) / "checkpoints" / os.path.basename(url)
        # torch verifies downloads, but not files already in its cache.
        if file.is_file() and not _is_named_after_its_hash(file):
            raise ValueError(f"LPIPS needs AlexNet from {url}. Received: {file} with other contents. Delete it.")
        try:
            with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
                warnings.simplefilter("ignore")  # lpips asks torchvision for weights in a deprecated way
                self._network = lpips.LPIPS(net="alex", verbose=False)
        except OSError as error:  # urllib's errors are
            raise ValueError(
                f"LPIPS needs weights that could not be fetched ({error}). Run once with an internet connection, or "
                f"put {url} at {file}."
            ) from error
        self._tensor, self._no_grad = torch.from_numpy, torch.no_grad

    def __call__(self, truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        # Channels first, [0, 255] to [-1, 1].
        pair = [self._tensor(rgb.transpose(0, 3, 1, 2) / np.float32(127.5) - 1) for rgb in (truth, prediction)]
        with self._no_grad():
            return self._network(*pair).numpy().ravel()


class LpipsFromFile:
    """LPIPS without PyTorch, from a file of its weights; otherwise like `Lpips`.

    Args:
        weights: An `.npz` file of AlexNet and the linear layers of version 0.1: `conv1_kernel` to `conv5_kernel`
            (height, width, in, out), `conv1_bias` to `conv5_bias`, `lin0` to `lin4`.

    Raises:
        ValueError: the file or one of its arrays is missing.
    """

    name = Lpips.name

    def __init__(self, weights: str | os.PathLike[str]) -> None:
        import keras

        self._keras = keras
        arrays = _arrays_of(weights)
        picture = keras.Input((None, None, 3))
        x, outputs = picture, []
        for number, (side, stride, padding, pooled) in enumerate(_ALEXNET, start=1):
            if pooled:
                x = keras.layers.MaxPooling2D(3, 2)(x)
            kernel, bias = arrays[f"conv{number}_kernel"], arrays[f"conv{number}_bias"]
            x = keras.layers.ZeroPadding2D(padding)(x)
            layer = keras.layers.Conv2D(kernel.shape[-1], side, strides=stride, activation="relu")
            x = layer(x)
            layer.set_weights([kernel, bias])
            outputs.append(x)
        self._features = keras.Model(picture, outputs)
        self._weights = [arrays[f"lin{number}"] for number in range(len(_ALEXNET))]

    def __call__(self, truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        ops, total = self._keras.ops, 0.0
        pair = [self._features((rgb / np.float32(127.5) - 1 - _SHIFT) / _SCALE) for rgb in (truth, prediction)]
        for first, second, weights in zip(*pair, self._weights):
            difference = ops.square(_unit(ops, first) - _unit(ops, second))
            total += ops.mean(ops.sum(difference * weights, axis=-1), axis=(1, 2))
        return np.asarray(total, np.float32)


def load(weights: str | os.PathLike[str] | None = None) -> Lpips | LpipsFromFile:
    """Returns LPIPS from a file of weights or, without a file, from its authors' package."""
    return Lpips() if weights is None else LpipsFromFile(weights)


def _arrays_of(path):
    needed = [f"conv{number}_{part}" for number in range(1, 6) for part in ("kernel", "bias")]
    needed += [f"lin{number}" for number in range(5)]
    try:
        with np.load(path) as file:
            return {name: file[name].astype(np.float32) for name in needed}
    except Exception as error:  # of many kinds, because the file may come from anywhere
        raise ValueError(f"{path}: has no weights of LPIPS as .npz: {model_metadata.first_line(error)}") from error


def _unit(ops, features):
    return features / (ops.sqrt(ops.sum(ops.square(features), axis=-1, keepdims=True)) + 1e-10)


def _is_named_after_its_hash(file):
    with open(file, "rb") as content:
        digest = hashlib.sha256(content.read()).hexdigest()
    return digest.startswith(file.stem.split("-")[-1])
