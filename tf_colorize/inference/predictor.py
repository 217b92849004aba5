"""`Predictor`: the common interface of models in all runtimes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from tf_colorize.hints import WithHints


@dataclasses.dataclass(frozen=True)
class Predictor:
    """A loaded model.

    Attributes:
        image_size: Side of the network's square input, in pixels.
        automatic: Thread-safe function from lightness to ab.
        hinted: Likewise from lightness and hints, or None if the model takes no hints.
        larger_sizes: Other sides that both functions accept, larger than `image_size`.
    """

    image_size: int
    automatic: Callable[[np.ndarray], np.ndarray]
    hinted: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    larger_sizes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.image_size, int) or self.image_size < 1:
            raise ValueError(
                f"`image_size` must be a positive integer. Received: image_size={self.image_size!r}. Use the size for "
                "which the model was trained."
            )

    @classmethod
    def of(cls, predict_ab: Callable[..., np.ndarray], image_size: int) -> Predictor:
        """Returns the predictor of a function from lightness to ab, or of a `hints.WithHints`."""
        if isinstance(predict_ab, WithHints):
            return cls(image_size, predict_ab.automatic, predict_ab.hinted)
        return cls(image_size, predict_ab)

    def size_for(self, width: int, height: int) -> int:
        """Returns the side of the square on which the network should see a picture.

        The largest that has no more pixels than the picture, so nothing is enlarged; at least `image_size`.

        Args:
            width, height: of the picture, in pixels.
        """
        return max([self.image_size, *(side for side in self.larger_sizes if side**2 <= width * height)])

    @property
    def takes_hints(self) -> bool:
        """Returns whether the model takes hints."""
        return self.hinted is not None

    def predict_ab(self, lightness: np.ndarray, hints: np.ndarray | None = None) -> np.ndarray:
        """Predicts color.

        Args:
            lightness: float32 `(1, size, size, 1)` in [-1, 1], L* / 50 - 1; `size` is `image_size` or one of
                `larger_sizes`.
            hints: Result of `hints.raster`, float32 `(1, size, size, 3)`, or None.

        Returns:
            float32 `(1, side, side, 2)`, a* and b* / 110.

        Raises:
            ValueError: hints are given, but the model takes none.
        """
        if hints is None:
            return self.automatic(lightness)
        if self.hinted is None:
            raise ValueError("the model takes no hints. Give none, or use a model that was trained with them.")
        return self.hinted(lightness, hints)
