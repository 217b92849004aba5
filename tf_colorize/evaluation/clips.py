"""Short films made from photos, with known colors and motion."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from tf_colorize import installation

with installation.explained():
    import cv2

KINDS = ("pan", "zoom", "foreground")
SIDE = 192
_FOREGROUND = 0.45  # width of the foreground object, as a share of the side


@dataclasses.dataclass(frozen=True)
class Clip:
    """A film and its motion.

    Attributes:
        kind: One of `KINDS`.
        frames: uint8 `(n, SIDE, SIDE, 3)`, sRGB.
        flows: float32 `(n - 1, SIDE, SIDE, 2)`: from each pixel of frame t + 1 to its place in frame t.
        visible: bool `(n - 1, SIDE, SIDE)`: whether that place was visible.
    """

    kind: str
    frames: np.ndarray
    flows: np.ndarray
    visible: np.ndarray


def make(kind: str, photo: np.ndarray, other: np.ndarray, *, n_frames: int = 32, seed: int = 0) -> Clip:
    """Makes a clip.

    Args:
        kind: "pan" (the camera moves by about a pixel per frame), "zoom" (by half a percent), or
            "foreground" (a round piece of `other` crosses a slow pan).
        photo: uint8 `(height, width, 3)`, sRGB, at least `SIDE` pixels a side.
        other: Likewise, for the foreground.
        n_frames: At least 2.
        seed: Seed of the direction.

    Raises:
        ValueError: `kind` is unknown, or a photo is too small.
    """
    if kind not in KINDS:
        raise ValueError(f"`kind` must be one of {', '.join(KINDS)}. Received: {kind!r}.")
    if min(photo.shape[:2]) < SIDE:
        raise ValueError(f"`photo` must have at least {SIDE} pixels a side. Received: shape={photo.shape}.")
    camera = _camera(kind, photo.shape, n_frames, np.random.default_rng(seed))
    layers = [(photo, camera, None)]
    if kind == "foreground":
        layers.append((other, *_crossing(other.shape, n_frames)))
    rendered = [_render(layers, index) for index in range(n_frames)]
    motions = [_motion(layers, rendered, index) for index in range(1, n_frames)]
    return Clip(
        kind,
        np.stack([frame for frame, _ in rendered]),
        np.stack([flow for flow, _ in motions]),
        np.stack([visible for _, visible in motions]),
    )


def _camera(kind, shape, n_frames, random) -> list[np.ndarray]:
    """Returns, for each frame, the `(2, 3)` matrix that maps its pixels to the photo's."""
    height, width = shape[:2]
    middle = np.array([width, height]) / 2
    if kind == "zoom":
        scales = min(width, height) / SIDE * 0.995 ** np.arange(n_frames)
        return [_matrix(scale, middle - scale * SIDE / 2) for scale in scales]
    # One pixel per frame along the longer side, or slower if the photo would end.
    room = np.array([width - SIDE, height - SIDE]) - 1
    step = np.minimum(room / (n_frames - 1), 1.0 if kind == "pan" else 0.4) * random.choice([-1, 1], 2)
    return [_matrix(1, middle - SIDE / 2 + step * (index - (n_frames - 1) / 2)) for index in range(n_frames)]


def _crossing(shape, n_frames):
    """Returns the matrices of the foreground object, and its disc `(center, radius)` in pixels of its photo."""
    height, width = shape[:2]
    radius = _FOREGROUND * SIDE / 2
    center = np.array([width, height]) / 2
    path = np.linspace(0.2, 0.8, n_frames)[:, np.newaxis] * [SIDE, 0] + [0, SIDE / 2]
    return [_matrix(1, center - position) for position in path], (center, radius)


def _matrix(scale, offset) -> np.ndarray:
    return np.array([[scale, 0, offset[0]], [0, scale, offset[1]]], np.float64)


def _positions(matrix):
    rows, columns = np.indices((SIDE, SIDE), np.float32)
    return (columns * matrix[0, 0] + matrix[0, 2]).astype(np.float32), (rows * matrix[1, 1] + matrix[1, 2]).astype(
        np.float32
    )


def _render(layers, index):
    """Returns a frame, uint8 `(SIDE, SIDE, 3)`, and the layer visible at each pixel."""
    frame, shown = None, np.zeros((SIDE, SIDE), np.intp)
    for number, (photo, matrices, disc) in enumerate(layers):
        x, y = _positions(matrices[index])
        layer = cv2.remap(photo, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        if disc is None:
            frame = layer
            continue
        (center_x, center_y), radius = disc
        inside = np.hypot(x - center_x, y - center_y) < radius
        frame[inside], shown[inside] = layer[inside], number
    return frame, shown


def _motion(layers, rendered, index):
    """Returns the place of each pixel of a frame in the previous one, and whether it was visible there."""
    shown, shown_before = rendered[index][1], rendered[index - 1][1]
    rows, columns = np.indices((SIDE, SIDE), np.float32)
    flow = np.empty((SIDE, SIDE, 2), np.float32)
    for number, (_, matrices, _) in enumerate(layers):
        x, y = _positions(matrices[index])
        before = matrices[index - 1]
        here = shown == number
        flow[here, 0] = ((x - before[0, 2]) / before[0, 0] - columns)[here]
        flow[here, 1] = ((y - before[1, 2]) / before[1, 1] - rows)[here]
    x, y = np.rint(columns + flow[..., 0]).astype(int), np.rint(rows + flow[..., 1]).astype(int)
    inside = (x >= 0) & (x < SIDE) & (y >= 0) & (y < SIDE)
    was_shown = shown_before[np.clip(y, 0, SIDE - 1), np.clip(x, 0, SIDE - 1)]
    return flow, inside & (was_shown == shown)


def from_photos(photos: Sequence[np.ndarray], *, n_frames: int = 32) -> list[Clip]:
    """Returns one clip per photo, of alternating kinds; the next photo provides the foreground.

    Photos that are too small are left out.
    """
    photos = [photo for photo in photos if min(photo.shape[:2]) >= SIDE]
    return [
        make(KINDS[index % len(KINDS)], photo, photos[(index + 1) % len(photos)], n_frames=n_frames, seed=index)
        for index, photo in enumerate(photos)
    ]
