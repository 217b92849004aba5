"""Matches places of a photo with similar-looking places of a color photo, and takes their colors."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from PIL import Image

from tf_colorize.color import lab
from tf_colorize.color.look import Reference
from tf_colorize.inference import insight

MOST = 60  # places
# Cosines between features from which places count, and from which they are certain. Between them, the share of the
# other photo's color was found by least squares on pairs of photos with truth.
_ALIKE, _SURE = 0.55, 0.92
# A place whose match is hardly more similar than places of another color, such as skin that could as well be a wall, is
# uncertain: how far another color is, in ab, and how much less similar it must be. Found on the same pairs.
_OTHER, _MARGIN = 12 / lab.AB_SCALE, 0.2
_GOLDEN = 0.5 * (5**0.5 - 1)
_LEAST = 4.0  # certain places; with fewer, nothing matches


def wanted(
    lightness: np.ndarray, references: Sequence[Reference], side: int, given: np.ndarray | None = None
) -> np.ndarray:
    """Returns the colors of references at the matching places of a photo.

    A place counts if it and a place of a reference are each other's most similar one. The `MOST` certain ones are used.

    Args:
        lightness: float32 `(1, any side, any side, 1)` in [-1, 1], of the whole photo.
        references: Color photos; if several match a place, the most similar one is used.
        side: Side of the returned square.
        given: The user's hints, float32 `(1, any side, any side, 3)`, or None; places similar to theirs get no color
            from references.

    Returns:
        float32 `(1, side, side, 3)`: a* and b* / 110, and their certainty, 0 to 1.
    """
    see = insight.shipped()
    seen = _flat(see(lightness).features)
    best, sure = np.zeros((2, len(seen)), np.float32)
    ab = np.zeros((len(seen), 2), np.float32)
    for reference in references:
        other, colors = _of_reference(reference)
        cosines = likeness(seen, other)
        for place, twin in zip(*mutual(cosines)):
            if cosines[place, twin] > best[place]:
                best[place], ab[place] = cosines[place, twin], colors[twin]
                sure[place] = certainty(cosines[place], twin, colors)
    if given is not None:
        sure[_near_hints(seen, given[0, :, :, 2] > 0)] = 0.0
    # The order among equally certain ones, because close ones are redundant.
    all_over = np.arange(len(sure)) * _GOLDEN % 1.0
    sure[np.lexsort((all_over, -sure))[MOST:]] = 0.0
    if sure.sum() < _LEAST:
        sure = np.zeros_like(sure)
    cells = np.concatenate([ab, sure[:, np.newaxis]], axis=-1).reshape(insight.GRID, insight.GRID, 3)
    nearest = np.arange(side) * insight.GRID // side
    return np.where(cells[..., 2:] > 0, cells, np.float32(0))[nearest][:, nearest][np.newaxis]


def likeness(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the cosines between the features of the places of two pictures, float32 `(places, other places)`.

    Args:
        first, second: float32 `(places, channels)`, features. Before comparing, each channel is normalized by its mean
            and deviation over both pictures.
    """
    both = np.concatenate([first, second])
    deviation = both.std(axis=0) + 1e-3 * both.std()
    one, other = (_unit((features - both.mean(axis=0)) / np.maximum(deviation, 1e-9)) for features in (first, second))
    return one @ other.T


def mutual(cosines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the places of two pictures that are each other's most similar ones, `(places, other places)`.

    Args:
        cosines: The result of `likeness`.
    """
    forth, back = cosines.argmax(axis=1), cosines.argmax(axis=0)
    places = np.flatnonzero(back[forth] == np.arange(len(forth)))
    return places, forth[places]


def certainty(cosines: np.ndarray, twin: int, colors: np.ndarray) -> float:
    """Returns how certain a place's color is, 0 to 1: if its match is similar, and places of other colors are not.

    Args:
        cosines: float32 `(other places,)`, the place's row of `likeness`.
        twin: The matching place.
        colors: float32 `(other places, 2)`, ab.
    """
    others = cosines[np.linalg.norm(colors - colors[twin], axis=-1) > _OTHER]
    margin = cosines[twin] - others.max() if len(others) else np.inf
    similar = np.clip((cosines[twin] - _ALIKE) / (_SURE - _ALIKE), 0.0, 1.0)
    return float(similar * np.clip(margin / _MARGIN, 0.0, 1.0))


@functools.lru_cache(maxsize=16)
def _of_reference(reference):
    """Returns the features and the colors of a reference, `(places, channels)` each."""
    see = insight.shipped()
    lightness, ab = lab.rgb_to_lightness_ab(reference.rgb)
    square = _reduced(lightness[..., 0], see.image_size)[np.newaxis, :, :, np.newaxis]
    planes = np.stack([_reduced(ab[..., channel], see.image_size) for channel in (0, 1)], axis=-1)
    return _flat(see(square).features), _flat(insight.on_grid(planes))


def _near_hints(seen, is_hint):
    """Returns which places have a hint or are similar to one that has, bool `(places,)`."""
    down, across = (where * insight.GRID // side for where, side in zip(np.nonzero(is_hint), is_hint.shape))
    hinted = np.unique(down * insight.GRID + across)
    if not len(hinted):
        return np.zeros(len(seen), bool)
    features = _unit((seen - seen.mean(axis=0)) / (seen.std(axis=0) + 1e-3 * seen.std() + 1e-9))
    return (features @ features[hinted].T).max(axis=1) > _ALIKE


def _flat(grid):
    return grid.reshape(-1, grid.shape[-1])


def _unit(features):
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-6)


def _reduced(plane, side):
    image = Image.fromarray(np.ascontiguousarray(plane, np.float32))
    return np.asarray(image.resize((side, side), Image.Resampling.BILINEAR))
