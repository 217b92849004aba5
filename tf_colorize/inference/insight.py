"""What the network that ships sees in a photo besides colors: which places are alike, and which colors are likely.

It serves models of every kind: what comes of it are hints, which any model that takes hints understands.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import threading
import zipfile

import numpy as np
from PIL import Image

from tf_colorize import documents
from tf_colorize.color import lab
from tf_colorize.inference import runtimes

GRID = 28  # places along a side
_OUTPUTS = ("features", "ab", "annealed_logits")


@dataclasses.dataclass(frozen=True)
class Seen:
    """What the network sees.

    Attributes:
        features: float32 `(GRID, GRID, channels)`.
        ab: float32 `(GRID, GRID, 2)`, a* and b* / 110, what it predicts.
        likely: float32 `(GRID, GRID, entries)`, the probability of each color of the palette; sums to 1.
    """

    features: np.ndarray
    ab: np.ndarray
    likely: np.ndarray


class Insight:
    """The network that ships, with all its outputs; may be called from several threads.

    Attributes:
        image_size: Side in pixels of the square that it sees.
        palette: float32 `(entries, 2)`, a* and b* / 110.

    Raises:
        ValueError: the file is missing, or does not return features and the logits of a palette.
    """

    def __init__(self) -> None:
        self._path = runtimes.default_model()
        self._local = threading.local()
        try:
            with zipfile.ZipFile(self._path) as archive:
                metadata = json.loads(archive.read(documents.METADATA_NAME))
            self.image_size: int = metadata["image_size"]
            self.palette = np.array(metadata["palette"], np.float32) / np.float32(lab.AB_SCALE)
            self._temperature = float(metadata["palette_temperature"])
            self._runner()
        except Exception as error:
            raise ValueError(f"{self._path}: not the model that ships with this version: {error}") from error

    def __call__(self, lightness: np.ndarray) -> Seen:
        """Looks at a photo.

        Args:
            lightness: float32 `(1, side, side, 1)` in [-1, 1], of the whole photo, on a square of any side.
        """
        plane = Image.fromarray(np.ascontiguousarray(lightness[0, :, :, 0], np.float32))
        if plane.width != self.image_size:
            plane = plane.resize((self.image_size, self.image_size), Image.Resampling.BILINEAR)
        square = np.asarray(plane)[np.newaxis, :, :, np.newaxis]
        found = self._runner()(lightness=square, hints=np.zeros((*square.shape[:3], 3), np.float32))
        features, ab, annealed = (found[name][0] for name in _OUTPUTS)
        logits = annealed * self._temperature
        weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
        likely = weights / weights.sum(axis=-1, keepdims=True)
        return Seen(on_grid(features), on_grid(ab), on_grid(likely))

    def _runner(self):
        """The function of the calling thread from inputs to outputs, by their names."""
        if not hasattr(self._local, "runner"):
            from ai_edge_litert import interpreter as litert

            self._local.interpreter = litert.Interpreter(model_path=str(self._path), num_threads=1)
            self._local.runner = self._local.interpreter.get_signature_runner("serving_default")
            missing = set(_OUTPUTS) - set(self._local.runner.get_output_details())
            if missing:
                raise ValueError(f"it does not return {', '.join(sorted(missing))}")
        return self._local.runner


@functools.cache
def shipped() -> Insight:
    """Returns the one `Insight` of the process.

    Raises:
        ValueError: see `Insight`.
    """
    return Insight()


def on_grid(values: np.ndarray) -> np.ndarray:
    """Returns the means `(GRID, GRID, channels)` of what has several values for each place, both sides alike."""
    times = values.shape[0] // GRID
    if values.shape[:2] != (times * GRID, times * GRID) or times == 0:
        raise ValueError(f"`values` must have sides that are multiples of {GRID}. Received: shape={values.shape}.")
    return values.reshape(GRID, times, GRID, times, -1).mean(axis=(1, 3))
