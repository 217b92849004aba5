"""Loads weights for `backbones.resnet18`: the public ImageNet file or a local file."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import socket
import threading
import urllib.request
import warnings
from collections.abc import Mapping
from typing import Any

import h5py
import keras
import numpy as np

# torchvision's IMAGENET1K_V1 (BSD-3-Clause) as published by timm, pinned to a commit.
IMAGENET_FILE = "resnet18.tv_in1k.safetensors"
IMAGENET_URL = (
    "https://huggingface.co/timm/resnet18.tv_in1k/resolve/bbd144b3e5565108aad885f145491d11bc6ce807/model.safetensors"
)
IMAGENET_SHA256 = "694f673df6520a3158624e8a89af086f59923ee4cd7436fe5bc3bc71d295ad81"
DOWNLOAD_TIMEOUT_SECONDS = 10.0

_NORM_FIELDS = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}


def imagenet_file(*, required: bool) -> str | os.PathLike[str] | None:
    """Returns the path of the public ImageNet weights, downloaded into the Keras cache if absent.

    The file is checked against `IMAGENET_SHA256`. If it is not available, the function returns `None` with a one-line
    `UserWarning`, or raises a `ValueError` if `required`.
    """
    home = pathlib.Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser()
    target = home / "models" / IMAGENET_FILE
    if target.is_file() and hashlib.sha256(target.read_bytes()).hexdigest() == IMAGENET_SHA256:
        return str(target)
    try:
        _await_answer(IMAGENET_URL)
        with _socket_timeout(DOWNLOAD_TIMEOUT_SECONDS):
            return keras.utils.get_file(
                IMAGENET_FILE,
                IMAGENET_URL,
                file_hash=IMAGENET_SHA256,
                cache_subdir="models",
                cache_dir=home,
            )
    except Exception as error:  # get_file raises a plain Exception when there is no network
        reason = " ".join(str(error.__context__ or error).split())
    if required:
        raise ValueError(
            f"`weights` 'imagenet' must be cached or downloadable, but {reason}. Put the file {IMAGENET_URL} "
            f"at {target}, or give another file of weights."
        )
    warnings.warn(
        f"the encoder starts untrained: there are no ImageNet weights at {target}, and {reason}",
        stacklevel=3,
    )
    return None


def _await_answer(url):
    """Raises OSError if no byte arrives from an address in time, for whatever reason."""
    failed = []

    def ask():
        try:
            with urllib.request.urlopen(url, timeout=DOWNLOAD_TIMEOUT_SECONDS) as answer:
                answer.read(1)
        except Exception as error:
            failed.append(error)

    # Timeouts do not cover name servers, and would apply to each of a host's addresses separately.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(DOWNLOAD_TIMEOUT_SECONDS)
    if asking.is_alive():
        raise TimeoutError(f"the download timed out: no answer within {DOWNLOAD_TIMEOUT_SECONDS:g} s")
    if failed:
        raise failed[0]


@contextlib.contextmanager
def _socket_timeout(seconds):
    # get_file takes no timeout, and a firewall that drops packets would block it for minutes.
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def load(model: keras.Model, path: pathlib.Path) -> None:
    """Loads weights from a file into a model from `backbones.resnet18`.

    Args:
        model: from `backbones.resnet18`.
        path: `pathlib.Path` of a `.weights.h5` or `.safetensors` file.

    Raises:
        ValueError: `path` is not a file, has another format or belongs to another network.
    """
    received = f"Received: weights={os.fspath(path)!r}"
    if not path.is_file():
        choices = "'none', 'auto', 'imagenet' or the path of a file"
        raise ValueError(f"`weights` must be None, {choices}. {received}, which is not a file.")
    readers = {".h5": _load_keras, ".safetensors": _load_safetensors}
    if path.suffix not in readers:
        raise ValueError(f"`weights` must end in '.weights.h5' or '.safetensors'. {received}.")
    try:
        readers[path.suffix](model, path)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).split("\n")[0]
        raise ValueError(f"`weights` must be those of a ResNet18. {received}: {reason}") from error


def _load_keras(model, path):
    shapes = []
    with h5py.File(path) as file:
        file.visititems(lambda _, node: shapes.append(getattr(node, "shape", None)))
    shapes = [shape for shape in shapes if shape]  # groups have none, counters ()
    # Keras silently reads a larger network's file as far as the shapes agree.
    if sorted(shapes) != sorted(tuple(variable.shape) for variable in model.variables):
        raise ValueError("the shapes of its variables are not those of this package's ResNet18.")
    model.load_weights(path)


def _load_safetensors(model, path):
    import safetensors
    import safetensors.numpy

    try:
        state = safetensors.numpy.load_file(path)
    except safetensors.SafetensorError as error:
        raise ValueError(f"not a safetensors file ({error}).") from error
    convert_torch(model, state)


def convert_torch(model: keras.Model, state: Mapping[str, Any]) -> None:
    """Copies torchvision's weights into a model from `backbones.resnet18`.

    Args:
        model: from `backbones.resnet18`.
        state: mapping of torchvision's names to arrays. The classifier (`fc.*`) and the counters
            (`*.num_batches_tracked`) are left out.

    Raises:
        ValueError: a name is missing or unknown, or a shape differs; no weight is changed then.
    """
    state = {
        key: np.asarray(value, "float32")
        for key, value in state.items()
        if not key.startswith("fc.") and not key.endswith(".num_batches_tracked")
    }
    targets = {}
    for conv, norm, layer in _parts():
        targets[f"{conv}.weight"] = model.get_layer(f"{layer}_conv").kernel
        for field, variable in _NORM_FIELDS.items():
            targets[f"{norm}.{field}"] = getattr(model.get_layer(f"{layer}_bn"), variable)
    _assign(targets, state, "state")


def _parts():
    """Lists tuples of torchvision's convolution, torchvision's norm and keras-cv's layer prefix."""
    parts = [("conv1", "bn1", "conv1")]
    for stage in range(4):
        for block in range(2):
            torch_block = f"layer{stage + 1}.{block}"
            layer = f"v2_stack_{stage}_block{block + 1}"
            for i in (1, 2):
                parts.append((f"{torch_block}.conv{i}", f"{torch_block}.bn{i}", f"{layer}_{i}"))
            if stage > 0 and block == 0:
                parts.append((f"{torch_block}.downsample.0", f"{torch_block}.downsample.1", f"{layer}_0"))
    return parts


def _assign(targets, arrays, argument):
    """Assigns every array to the variable of the same name, or none of them if any does not fit."""
    rule = f"`{argument}` must hold the weights of a ResNet18 under torchvision's names. Received:"
    different = sorted(set(targets) ^ set(arrays))
    if different:
        state = "is missing" if different[0] in targets else "is not part of it"
        raise ValueError(f"{rule} {different[0]} {state} ({len(different)} such names).")
    # torch keeps kernels as (out, in, height, width), Keras as (height, width, in, out).
    arrays = {key: a.transpose(2, 3, 1, 0) if a.ndim == 4 else a for key, a in arrays.items()}
    for key, variable in targets.items():
        if arrays[key].shape != tuple(variable.shape):
            raise ValueError(f"{rule} {key} has {arrays[key].size} values in another shape.")
    for key, variable in targets.items():
        variable.assign(arrays[key])
