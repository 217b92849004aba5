"""LPIPS, computed by the package of its authors on the backbone that it was calibrated on."""

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
    """The learned perceptual distance of pairs of pictures, under its own name only with its own weights.

    Source: Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric": the linear
    layers of version 0.1, from the package `lpips`, on torchvision's AlexNet, downloaded once into torch's cache.

    Make it before anything imports TensorFlow: torchvision's CUDA build ends the process when it comes second.

    Calling it with two uint8 arrays `(batch, height, width, 3)` of sRGB, at least 64 pixels a side, returns float32
    `(batch,)`: 0 is the same picture, more is further.

    Raises:
        ValueError: the packages or the weights are not there, or the weights are others.
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
        # torch checks what it downloads, not what already lies there.
        if file.is_file() and not _is_named_after_its_hash(file):
            raise ValueError(f"LPIPS needs AlexNet as {url} has it. Received: {file}, other contents. Delete it.")
        try:
            with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
                warnings.simplefilter("ignore")  # lpips asks torchvision for weights in an old way
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
