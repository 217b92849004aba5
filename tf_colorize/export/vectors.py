"""Test vectors for implementations in other languages: a gray picture and a model's results for it."""

from __future__ import annotations

import dataclasses
import itertools
import math
import pathlib
import typing

import numpy as np
from PIL import Image

from tf_colorize import whole
from tf_colorize.inference import colorizer

if typing.TYPE_CHECKING:
    import os


def write(model: str | os.PathLike[str], folder: str | os.PathLike[str]) -> None:
    """Writes test vectors for other implementations.

    `gray.png` is the input, 120 x 180 pixels; `ab.npy` is the network's output for it, float16 `(1, side, side, 2)` in
    [-1, 1]; `color.png` is the result. For each larger size of the model, `gray_SIDE.png` is the smallest picture of
    this shape that is seen at it, and `color_SIDE.png` its result.

    Args:
        model: `.tflite` or `.onnx` file that `export_tflite` or `export_onnx` wrote.
        folder: Folder to write into; existing files are replaced.
    """
    predict = colorizer.Colorizer.load(model, threads=1)
    predicted = []

    def remember(lightness):
        predicted.append(predict.predict_ab(lightness))
        return predicted[-1]

    gray = scene()
    remembering = colorizer.Colorizer(dataclasses.replace(predict.predictor, automatic=remember), threads=1)
    pictures = {"gray.png": gray, "color.png": remembering(gray)}
    for side in predict.predictor.larger_sizes:
        larger = scene(_height_of(side))
        pictures |= {f"gray_{side}.png": larger, f"color_{side}.png": predict(larger)}
    folder = pathlib.Path(folder)
    for name, picture in pictures.items():
        with whole.open_whole(folder / name) as file:
            Image.fromarray(picture).save(file, "PNG", optimize=True)
    with whole.open_whole(folder / "ab.npy") as file:
        np.save(file, predicted[0].astype(np.float16))


def _height_of(side):
    """Returns the height of the smallest scene that has as many pixels as a square."""
    heights = itertools.count(math.isqrt(side**2 * 2 // 3))
    return next(height for height in heights if height * (3 * height // 2) >= side**2)


def scene(height: int = 120) -> np.ndarray:
    """Draws a landscape, uint8 `(height, 3 * height // 2)`: hills under a cloudy sky, and a lake."""
    rows, columns = np.mgrid[:height, : 3 * height // 2] * (120 / height)
    clouds = np.sin(columns / 17 + rows / 9) * np.sin(rows / 7 - columns / 31)
    picture = 205 - 0.4 * rows + 22 * clouds * (rows < 60)
    for depth, (height, tone) in enumerate(((45, 120), (58, 90), (72, 70))):
        ridge = height + 9 * np.sin(columns / (15 + 8 * depth) + depth) + 3 * np.sin(columns / 4 + depth)
        grass = 9 * np.sin(columns * 1.7 + rows * 0.9) * np.sin(rows * 1.3)
        picture = np.where(rows > ridge, tone + grass + 0.3 * (rows - ridge), picture)
    ripples = 150 + 12 * np.sin(rows * 1.1 + 2 * np.sin(columns / 13))
    picture = np.where(rows > 96 + 3 * np.sin(columns / 21), ripples, picture)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
