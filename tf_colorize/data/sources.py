"""Provides TensorFlow Datasets and the sample photos as folders of picture files.

Each is written once into a cache folder, completely or not at all.
"""

from __future__ import annotations

import os
import pathlib

import numpy as np
from PIL import Image

from tf_colorize import installation, whole

# Which part of each scikit-image photograph is held out for validation: the side, and the share of the width. Chosen by
# eye: both parts show the photograph's colors.
_SAMPLE_HOLD_OUT = {
    "astronaut": ("left", 0.3),
    "chelsea": ("right", 0.4),
    "coffee": ("right", 0.35),
    "rocket": ("left", 0.3),
    "stereo_motorcycle": ("right", 0.4),
}
_SAMPLE_SPLITS = ("train", "validation")


def folder_of(source: str | os.PathLike[str]) -> pathlib.Path:
    """Returns the folder of picture files for a source, creating it if needed.

    Args:
        source: A folder or file (returned unchanged); `"sample"` or `"sample@validation"`: the photographs included in
            scikit-image, cut into a training part and a validation part; or `"tfds:NAME"`, `"tfds:NAME@SPLIT"`: a
            TensorFlow Datasets data set, whose split "train" is the default, with the configuration, version and
            slicing that `tfds.load` understands (`"tfds:NAME/CONFIG:1.0.0@train[:10%]"`).

    Returns:
        `pathlib.Path`.

    Raises:
        ValueError: the split or data set does not exist or holds no RGB images.
        OSError: the cache folder cannot be written; set `TF_COLORIZE_CACHE` to another.
    """
    name, _, split = str(source).partition("@")
    if name == "sample":
        return _sample_folder(split or "train")
    if name.startswith("tfds:"):
        return _tfds_folder(name.removeprefix("tfds:"), split or "train")
    return pathlib.Path(source)


def cache_folder() -> pathlib.Path:
    """Returns the folder for downloads and converted data sets, a `pathlib.Path`.

    It is `$TF_COLORIZE_CACHE` if set, otherwise `tf_colorize` in `$XDG_CACHE_HOME` or `~/.cache`.
    """
    own = os.environ.get("TF_COLORIZE_CACHE")
    if own:
        return pathlib.Path(own)
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "tf_colorize"


def _sample_folder(split):
    if split not in _SAMPLE_SPLITS:
        raise ValueError(
            f'`source` "sample" has the splits {", ".join(_SAMPLE_SPLITS)}. Received: source="sample@{split}".'
        )
    return _written_once(cache_folder() / "sample-1", _write_sample) / split


def _write_sample(folder):
    with installation.explained():
        import skimage.data

    for split in _SAMPLE_SPLITS:
        (folder / split).mkdir()
    for name, (side, share) in _SAMPLE_HOLD_OUT.items():
        photo = getattr(skimage.data, name)()
        photo = photo[0] if isinstance(photo, tuple) else photo  # the left one of a pair
        cut = round(photo.shape[1] * (share if side == "left" else 1 - share))
        parts = np.split(photo, [cut], axis=1)
        for split, part in zip(_SAMPLE_SPLITS, parts[::-1] if side == "left" else parts):
            Image.fromarray(part).save(folder / split / f"{name}.png")


def _tfds_folder(name, split):
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ValueError(
            f'`source` "tfds:NAME" needs TensorFlow Datasets. Received: source="tfds:{name}". '
            f"Run: {installation.pip_install('tfds')}"
        ) from error
    try:
        builder = tfds.builder(name)
    except (ValueError, AssertionError) as error:  # no such data set; no such version
        raise ValueError(
            f"`source` must name a TensorFlow Datasets data set. Received: "
            f'source="tfds:{name}": {str(error).splitlines()[0]}'
        ) from error
    key = _rgb_feature(builder.info.features, tfds.features.Image, name)
    target = cache_folder() / "tfds" / f"{builder.info.full_name}@{split}".replace("/", "-")
    return _written_once(target, lambda folder: _write_tfds(tfds, builder, key, split, folder))


def _rgb_feature(features, image_type, name):
    # A data set of single images (not dictionaries) has no items.
    for key, feature in getattr(features, "items", dict)():
        if isinstance(feature, image_type) and feature.shape[-1] == 3:
            return key
    raise ValueError(
        f'`source` must be a data set with RGB images. Received: source="tfds:{name}", whose features are {features}.'
    )


def _write_tfds(tfds, builder, key, split, folder):
    try:
        builder.download_and_prepare()
    except (AssertionError, tfds.download.DownloadError) as error:
        raise ValueError(
            f"`source` could not be downloaded by TensorFlow Datasets. Received: "
            f'source="tfds:{builder.info.full_name}": {error}'
        ) from error
    try:
        dataset = builder.as_dataset(
            split=split,
            # The encoded bytes are written unchanged, without decoding.
            decoders=tfds.decode.PartialDecoding({key: tfds.features.Image()}, {key: tfds.decode.SkipDecoding()}),
        )
    except ValueError as error:
        raise ValueError(
            f"`source` names a split that the data set does not have. Received: split={split!r}. "
            f"It has: {', '.join(builder.info.splits)}."
        ) from error
    for position, example in enumerate(dataset.as_numpy_iterator()):
        data = example[key]
        suffix = ".png" if data.startswith(b"\x89PNG") else ".jpg"
        # Folders of 1000 stay usable in file managers.
        path = folder / f"{position // 1000:05d}" / f"{position:08d}{suffix}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)


def _written_once(target, write):
    """Calls `write(folder)` on a temporary folder that then becomes `target`."""
    if target.is_dir():
        return target
    with whole.new_path(target, replaces=False) as new:  # another process may be first
        new.mkdir()
        write(new)
    return target
