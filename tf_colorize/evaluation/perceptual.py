"""LPIPS, computed by its authors' package on the backbone that it was calibrated for."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import pathlib
import warnings

import numpy as np

from tf_colorize import installation


class Lpips:
    """The learned perceptual distance between two pictures; only its own weights may go by its name.

    Source: Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric": the linear
    layers of version 0.1, from the package `lpips`, on torchvision's AlexNet, downloaded once into torch's cache.

    Create it before anything imports TensorFlow: torchvision's CUDA build ends the process if it is loaded second.

    Calling it with two uint8 arrays `(batch, height, width, 3)` of sRGB, at least 64 pixels a side, returns float32
    `(batch,)`: 0 means the same picture, more means less alike.

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
        # torch checks what it downloads, not what is already in its cache.
        if file.is_file() and not _is_named_after_its_hash(file):
            raise ValueError(f"LPIPS needs AlexNet from {url}. Received: {file} with other contents. Delete it.")
        try:
            with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
                warnings.simplefilter("ignore")  # lpips asks torchvision for weights in a deprecated way
                self._network = lpips.LPIPS(net="alex", verbose=False)
        except OSError as error:  # urllib's errors are
            raise ValueError(
                f"LPIPS needs weights that could not be fetched ({error}). Run once with internet, or put {url} "
                f"at {file}."
            ) from error
        self._tensor, self._no_grad = torch.from_numpy, torch.no_grad

    def __call__(self, truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        # Channels first, [0, 255] to [-1, 1].
        pair = [self._tensor(rgb.transpose(0, 3, 1, 2) / np.float32(127.5) - 1) for rgb in (truth, prediction)]
        with self._no_grad():
            return self._network(*pair).numpy().ravel()


def _is_named_after_its_hash(file):
    with open(file, "rb") as content:
        digest = hashlib.sha256(content.read()).hexdigest()
    return digest.startswith(file.stem.split("-")[-1])
