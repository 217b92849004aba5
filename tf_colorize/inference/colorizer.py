"""`Colorizer`: colorizes any picture.

It is the pipeline behind every front end: lightness at full resolution, antialiased resize to the network's square
input, ab, bilinear upsampling, joining with the picture's own lightness, clamping to the gamut. The full-resolution
part works in strips, so that memory, except for input and output, does not grow with the picture.

Why bilinear: with the true ab of 18 photos reduced to 128 pixels, bilinear upsampling is off by 0.96 Lab units, the
fast guided filter (He and Sun 2015) by 1.17 at its best setting (it visibly blurs correct chroma), joint bilateral
upsampling (Kopf 2007) by 0.90, and adding lightness detail times its local slope by 0.87. With chroma four times as
coarse, which is closer to what networks predict, the best of them gains an invisible 2%, which does not justify another
algorithm here, in the SavedModel's graph and in the browser.
"""

from __future__ import annotations

import dataclasses
import pathlib
import typing
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from tf_colorize import processors
from tf_colorize.color import margins, profiles
from tf_colorize.color.look import UNCHANGED, Look
from tf_colorize.hints import before_look, hints_of, raster
from tf_colorize.inference import matching, onnx_runtime, runtimes, strips
from tf_colorize.inference.predictor import Predictor
from tf_colorize.photos import files

if typing.TYPE_CHECKING:
    import os

    import keras


ADDRESSES = ("http://", "https://", "grpc://", "grpcs://")
"""Prefixes of addresses of models on TF Serving; everything else is a path."""


class Colorizer:
    """Colorizes pictures of any size with a model that maps lightness to ab.

    Create one with `load`, `from_keras`, `from_saved_model`, `from_tflite`, `from_onnx` or `from_server`
    and use it for many pictures, from several threads if you like.

    Args:
        predict_ab: A `Predictor`; or a function from lightness, float32 `(1, image_size, image_size, 1)` in
            [-1, 1], to ab, float32 `(1, image_size, image_size, 2)` in [-1, 1]. It must be
            thread-safe. A function that takes hints is a `hints.WithHints`.
        image_size: Side of the network's square input; a `Predictor` has its own.
        threads: Threads for the full-resolution part of each picture; None uses the processors that
            the process may use. Callers that colorize several pictures at a time should pass 1.

    Calling it takes a path, the bytes of a file, a `PIL.Image.Image`, a `photos.files.Picture` or a uint8 array
    `(height, width)`, `(height, width, 1)` or `(height, width, 3)`, sRGB, and returns a uint8 array `(height, width,
    3)`, sRGB, upright. `look` adjusts the predicted colors; `vividness=1.2` is short for `look=Look(vividness=1.2)`.
    `hints` are colors at places in the upright photo, `(x, y, color)` or anything that `hints.hint` accepts, for a
    model that takes hints; the thing at each place takes on the color.

    Example:
    >>> colorizer = tf_colorize.Colorizer.load()
    >>> PIL.Image.fromarray(colorizer("grandma.jpg")).save("grandma.color.jpg")
    """

    def __init__(
        self,
        predict_ab: Predictor | Callable[..., np.ndarray],
        image_size: int | None = None,
        *,
        threads: int | None = None,
    ) -> None:
        if not isinstance(predict_ab, Predictor):
            # It rejects an invalid size.
            predict_ab = Predictor.of(predict_ab, image_size)  # type: ignore[arg-type]
        self.predictor = predict_ab
        self.threads = threads or processors.usable()

    @property
    def image_size(self) -> int:
        """Returns the side of the network's square input, in pixels; the smallest if the model has several sizes."""
        return self.predictor.image_size

    @property
    def takes_hints(self) -> bool:
        """Returns whether the model takes hints."""
        return self.predictor.takes_hints

    def at_smallest(self) -> Colorizer:
        """Returns a colorizer with the same model that sees all pictures at its smallest size, as those of films."""
        return Colorizer(dataclasses.replace(self.predictor, larger_sizes=()), threads=self.threads)

    def predict_ab(self, lightness: np.ndarray, hints: np.ndarray | None = None) -> np.ndarray:
        """Returns the model's own prediction; see `Predictor.predict_ab`."""
        return self.predictor.predict_ab(lightness, hints)

    def __call__(
        self, image: Any, *, look: Look = UNCHANGED, vividness: float | None = None, hints: Iterable[Any] = ()
    ) -> np.ndarray:
        wishes = hints_of(hints)
        if wishes and not self.takes_hints:
            raise ValueError("the model takes no hints. Give none, or use a model that was trained with them.")
        picture = _opened(image)
        lightness = self.lightness(picture)
        painted = raster(wishes, picture.size, lightness) if wishes else None
        return self.join(picture, self.ab(lightness, look=look, vividness=vividness, hints=painted))

    @classmethod
    def load(cls, model: str | os.PathLike[str] | None = None, **options: Any) -> Colorizer:
        """Detects the kind of a model and loads it.

        Args:
            model: A `.tflite`, `.onnx` or `.keras` file, a SavedModel folder, a folder that
                `scripts/train.py` wrote, or the address of a model on TF Serving: `http://`,
                `https://`, `grpc://` or `grpcs://`. None: the model that comes with tf_colorize.
            options: Passed to the `from_...` method that loads it.

        Raises:
            ValueError: the model is none of these, or cannot be loaded.
        """
        if model is None:
            model = runtimes.default_model()
        if str(model).startswith(ADDRESSES):
            return cls.from_server(str(model), **options)
        path = pathlib.Path(model)
        if path.suffix == ".tflite":
            return cls.from_tflite(path, **options)
        if path.suffix == ".onnx":
            return cls.from_onnx(path, **options)
        if path.suffix == ".keras" or (path / "generator.keras").is_file():
            return cls.from_keras(path, **options)
        if (path / "saved_model.pb").is_file():
            return cls.from_saved_model(path, **options)
        reason = "it is none of these" if path.exists() else "there is no such file or folder"
        raise ValueError(
            "`model` must be a .tflite, .onnx or .keras file, a SavedModel or run folder, or the http:// or grpc:// "
            f"address of a server. Received: model={str(model)!r}; {reason}."
        )

    @classmethod
    def from_keras(cls, model: keras.Model, *, image_size: int | None = None, threads: int | None = None) -> Colorizer:
        """Loads a run folder, `.keras` file or `keras.Model`; see `runtimes.from_keras`."""
        return cls(runtimes.from_keras(model, image_size), threads=threads)

    @classmethod
    def from_saved_model(cls, path: str | os.PathLike[str], *, threads: int | None = None) -> Colorizer:
        """Loads an exported SavedModel and runs its signature `predict_ab`."""
        return cls(runtimes.from_saved_model(path), threads=threads)

    @classmethod
    def from_tflite(cls, path: str | os.PathLike[str], *, threads: int | None = None) -> Colorizer:
        """Loads a `.tflite` file and runs it with LiteRT, without TensorFlow.

        Args:
            path: The file.
            threads: Threads per picture; None uses the processors that the process may use, at most
                4 of them for the network.
        """
        return cls(runtimes.from_tflite(path, threads or min(4, processors.usable())), threads=threads)

    @classmethod
    def from_onnx(
        cls,
        path: str | os.PathLike[str],
        *,
        threads: int | None = None,
        providers: Sequence[str] = onnx_runtime.PROVIDERS,
    ) -> Colorizer:
        """Loads an `.onnx` file and runs it with ONNX Runtime, without TensorFlow.

        Args:
            path: The file.
            threads: As those of `from_tflite`.
            providers: ONNX Runtime's names of what runs the network, such as "CUDAExecutionProvider".
        """
        model = onnx_runtime.from_onnx(path, threads or min(4, processors.usable()), providers)
        return cls(model, threads=threads)

    @classmethod
    def from_server(cls, url: str, *, threads: int | None = None, **options: Any) -> Colorizer:
        """Uses a model on TF Serving; see `serving.Client` for the address and options."""
        return cls(runtimes.from_server(url, **options), threads=threads)

    def lightness(self, image: Any, size: int | None = None) -> np.ndarray:
        """Returns the network's input for a picture: its lightness, reduced with antialiasing.

        Args:
            image: As for calling a `Colorizer`.
            size: Side of the square; None chooses the size for the picture, if the model has several.

        Returns:
            float32 `(1, size, size, 1)` in [-1, 1].
        """
        picture = _opened(image)
        width, height = picture.size
        size = size or self.predictor.size_for(width, height)
        is_tall = height > width
        # The long side is reduced first, which keeps the intermediate result small.
        half = np.empty((size, width) if is_tall else (height, size), np.float32)

        def reduce(box):
            left, top, right, bottom = box
            plane = Image.fromarray(strips.lightness(picture, box)[..., 0])
            if is_tall:
                half[:, left:right] = plane.resize((right - left, size), Image.Resampling.BILINEAR)
            else:
                half[top:bottom] = plane.resize((size, bottom - top), Image.Resampling.BILINEAR)

        strips.for_each(reduce, width, height, cuts_rows=not is_tall, threads=self.threads)
        square = Image.fromarray(half).resize((size, size), Image.Resampling.BILINEAR)
        return np.asarray(square)[np.newaxis, :, :, np.newaxis]

    def ab(
        self,
        lightness: np.ndarray,
        *,
        look: Look = UNCHANGED,
        vividness: float | None = None,
        hints: np.ndarray | None = None,
    ) -> np.ndarray:
        """Predicts color from the result of `lightness`; this is the first half of colorizing.

        Args:
            lightness: float32 `(1, size, size, 1)` in [-1, 1].
            look: Applied to the prediction.
            vividness: Overrides that of the look, if given.
            hints: Result of `hints.raster`, for a model that takes hints, or None.

        Returns:
            float32 `(size, size, 2)`, a* and b* / 110.

        Raises:
            ValueError: the model's output is not finite or has another shape, or the look has references and the model
                takes no hints.
        """
        look = look if vividness is None else dataclasses.replace(look, vividness=vividness)
        prepared = self._prepared(lightness, look, hints)
        given = prepared.hints()
        if hints is not None:
            own = before_look(hints, lightness, prepared)
            given = own if given is None else np.where(own[..., 2:] > 0, own, given)
        ab = np.asarray(self.predict_ab(lightness, *([] if given is None else [given])), np.float32)
        if ab.shape != (*lightness.shape[:-1], 2) or not np.isfinite(ab).all():
            raise ValueError(
                f"the model must return finite ab of shape {(*lightness.shape[:-1], 2)}. Received: shape={ab.shape}, "
                f"finite={bool(np.isfinite(ab).all())}. The model file is broken or was trained for something else."
            )
        return prepared.applied(lightness, ab * _share_in_margins(lightness, hints))[0]

    def _prepared(self, lightness, look, hints):
        """The look for one photo: references are matched with it, except where a person gave hints."""
        if not look.reference:
            return look.prepared()
        if not self.takes_hints:
            raise ValueError("the model takes no hints, so no reference either. Use one that was trained with them.")
        wanted = matching.wanted(lightness, look.reference, lightness.shape[1], hints)
        automatic = np.asarray(self.predict_ab(lightness), np.float32) if wanted[..., 2].any() else None
        return look.prepared(automatic, wanted)

    def join(self, image: Any, ab: np.ndarray) -> np.ndarray:
        """Joins `ab` with the lightness of a picture at its own size; this is the second half of colorizing.

        Args:
            image: As for calling a `Colorizer`.
            ab: float32 `(height, width, 2)` of any size, a* and b* / 110.

        Returns:
            uint8 `(height, width, 3)`, sRGB.
        """
        return strips.joined(_opened(image), ab, self.threads)


def _share_in_margins(lightness, hints):
    """Returns the share of color to keep, float32 `(1, size, size, 1)`: 0 in flat margins, unless a hint is in one, and
    1 elsewhere."""
    share = margins.color_share(lightness[0, :, :, 0])[np.newaxis, :, :, np.newaxis]
    if hints is not None and np.any((np.asarray(hints)[..., 2:] > 0) & (share < 0.5)):
        return np.ones_like(share)
    return share


def _opened(image):
    """Returns a loaded "L", "LA", "RGB" or "RGBA" image, sRGB and upright, for any input that `Colorizer` accepts."""
    if isinstance(image, np.ndarray):
        shape_is_right = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (1, 3))
        if image.dtype != np.uint8 or not shape_is_right or 0 in image.shape:
            raise ValueError(
                "`image` must be a uint8 array `(height, width)`, `(height, width, 1)` or `(height, width, 3)`. "
                f"Received: dtype={image.dtype}, shape={image.shape}. Convert it to 8-bit sRGB first."
            )
        return Image.fromarray(image[..., 0] if image.shape[2:] == (1,) else image)
    if isinstance(image, files.Picture):
        return image.image
    if isinstance(image, Image.Image):
        return profiles.convert(ImageOps.exif_transpose(image))[0]
    return files.read(image).image
