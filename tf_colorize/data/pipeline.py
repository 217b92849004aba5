"""`tf.data` pipelines that turn photos into (lightness, ab), which Keras reads as (x, y).

A photo is opened, cropped, resized and converted to Lab on the host, by Pillow and `lab`, in as many threads as there
are processors. This takes 3 ms of processor time at 256 pixels; the conversion in TensorFlow alone takes 8. All
randomness of a sample is a function of a seed and the sample's position in the stream, so a stream can be entered
anywhere and gives the same samples. The data sets read ahead by themselves and need no `prefetch`.
"""

from __future__ import annotations

import collections
import concurrent.futures
import functools
import itertools
import math
import numbers
import os
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from PIL import Image

from tf_colorize import processors
from tf_colorize.color import lab
from tf_colorize.data import old_photos, selection, simulated_hints, simulated_wishes
from tf_colorize.photos import files

# A crop's share of the largest square's area: small enough for variety, large enough to show its subject.
_MIN_CROP_AREA = 0.5
_MAX_THREADS = 16
_SHUFFLE = 1  # separates the random numbers of an epoch's order from those of its samples
_HINTS = 2  # likewise for those of its hints
_AGE = 3  # likewise for those of its aging
_SIZE = 4  # likewise for the sizes of batches
SIZE_STEP = 32  # pixels between two sizes of batches


def image_dataset(
    source_or_paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    image_size: int = 256,
    batch_size: int = 16,
    *,
    training: bool = False,
    seed: int = 0,
    hints: bool = False,
    share: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Builds the data set of a source for `fit`, `evaluate` and `predict`.

    Args:
        source_or_paths: As for `selection.find_photos`, or a list of paths.
        image_size: Height and width of the crops in pixels.
        batch_size: Pictures per batch.
        training: True gives random crops, flips and lightness (see `training_batches`), reshuffled in each iteration,
            in full batches. False gives the center of every photo in order; the last batch may be shorter.
        seed: Integer of at least 0; the same seed gives the same sequence of epochs.
        hints: Whether each photo comes with simulated hints, half of them with its own colors (`simulated_hints`),
            half with others (`simulated_wishes`).
        share: As in `training_batches`; a last batch too small for all workers is left out.

    Returns:
        `tf.data.Dataset` of known cardinality, one epoch per iteration, of (lightness, ab): float32 `(batch,
        image_size, image_size, 1)` in [-1, 1], L* / 50 - 1, and float32 `(batch, image_size, image_size, 2)` in [-1,
        1], (a*, b*) / 110. With `hints`, lightness is replaced by a dict of "lightness" and "hints", float32 `(batch,
        image_size, image_size, 3)`: a* / 110, b* / 110 and 1 at hints, zeros elsewhere. ab is replaced by float32
        `(batch, image_size, image_size, 5)`: ab, the target ab for the hints, and its share in the target, 0 to 1; the
        rest is the automatic result.

    Raises:
        ValueError: the source holds no usable photo, or a size is not positive.
    """
    if isinstance(source_or_paths, str | os.PathLike):
        # Gray photos spoil training; validation measures all photos.
        least = selection.MIN_COLORFULNESS if training else 0.0
        found = selection.find_photos(source_or_paths, min_colorfulness=least)
        source_or_paths = found.paths
    _check_integers(0, seed=seed)
    reader = _Reader(source_or_paths, image_size, batch_size, training=training, hints=hints, share=share)
    if not training:
        n_batches = max(0, math.ceil((len(reader.paths) - reader.first) / batch_size))
        return reader.dataset(0, 0, n_batches).apply(tf.data.experimental.assert_cardinality(n_batches))
    n_batches = max(1, len(reader.paths) // batch_size)
    # The only element that differs between iterations is the epoch's seed.
    epoch = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).take(1)
    batches = epoch.flat_map(lambda epoch_seed: reader.dataset(epoch_seed, 0, n_batches))
    return batches.apply(tf.data.experimental.assert_cardinality(n_batches))


def training_batches(
    paths: Sequence[str | os.PathLike[str]],
    image_size: int,
    batch_size: int,
    *,
    seed: int,
    first_step: int = 0,
    luma_gray: float = 0.3,
    old_photos: float = 0.0,
    hints: bool = False,
    largest_size: int | None = None,
    share: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Builds an endless stream of training batches that can be entered at any step.

    Each photo comes once per epoch, in random order, as a random square crop without
    distortion, flipped half of the time. Batches run across epochs, so a source may hold
    fewer photos than a batch.

    Args:
        paths: Sequence of paths of photos.
        image_size: Height and width of the crops in pixels.
        batch_size: Pictures per batch.
        seed: Integer of at least 0; batch k is a function of the arguments, `seed` and k.
        first_step: The batch to start with, for resuming.
        luma_gray: Share of samples whose lightness comes from the photo's Rec. 601 luma, as when a camera or editor
            converts it to gray, instead of from its L*. Their ab is still the photo's.
        old_photos: Share of samples that are artificially aged, see `old_photos.age`; `luma_gray` is a share of the
            others.
        hints: As in `image_dataset`.
        largest_size: None: all batches have `image_size`. Otherwise each batch has its own size, from `image_size` up
            to this one in steps of 32 pixels. Each size gets the same number of pixels in the long run, so most
            batches are small.
        share: `(index, count)` of the reading worker. Each worker reads a consecutive part of every batch, so together
            they read the same batches as a single one.

    Returns:
        Endless `tf.data.Dataset` of (lightness, ab), with the shapes and ranges of `image_dataset`; with
        `largest_size`, its specification has None for height and width. Reading a file that has since disappeared
        or become unreadable raises a `tf.errors.OpError` that names it.

    Raises:
        ValueError: `paths` is empty or a number is out of its range.
    """
    if not 0 <= luma_gray <= 1:
        raise ValueError(f"`luma_gray` must be a share in [0, 1]. Received: luma_gray={luma_gray}.")
    if not 0 <= old_photos <= 1:
        raise ValueError(f"`old_photos` must be a share in [0, 1]. Received: old_photos={old_photos}.")
    _check_integers(0, seed=seed, first_step=first_step)
    reader = _Reader(paths, image_size, batch_size, luma_gray, old_photos, hints=hints, share=share)
    if largest_size is not None:
        reader.grow(largest_size)
    return reader.dataset(seed, first_step, tf.int64.max)


def _check_integers(minimum, **values):
    for name, value in values.items():
        if not isinstance(value, numbers.Integral) or value < minimum:
            raise ValueError(f"`{name}` must be an integer of at least {minimum}. Received: {name}={value!r}.")


class _Reader:
    """Reads batches of (lightness, ab) ahead of time, in Python threads.

    `tf.data` only requests the batch that it returns. With its own parallel calls or prefetch, a call into Python would
    always be in progress, and a process that exits while an iterator exists (Ctrl-C, an error) would wait for it
    forever.
    """

    def __init__(
        self, paths, image_size, batch_size, luma_gray=0.3, old_photos=0.0, *, training=True, hints=False, share=(0, 1)
    ):
        _check_integers(1, image_size=image_size, batch_size=batch_size)
        index, count = share
        if batch_size % count or not 0 <= index < count:
            raise ValueError(
                "`share` must be a worker's index below their count, of which `batch_size` must be a multiple. "
                f"Received: share={share}, batch_size={batch_size}."
            )
        self.part = batch_size // count
        self.first = index * self.part
        if not len(paths):
            raise ValueError("`paths` must hold at least one photo. Received: no paths.")
        self.paths = [os.fspath(path) for path in paths]
        self.image_size, self.batch_size = image_size, batch_size
        self.luma_gray, self.old_photos = luma_gray, old_photos
        self.training, self.hints = training, hints
        self.sizes = [image_size]

    def grow(self, largest_size):
        """Lets each batch have a size of its own, up to `largest_size`."""
        if largest_size < self.image_size or (largest_size - self.image_size) % SIZE_STEP:
            raise ValueError(
                f"`largest_size` must be `image_size` plus a multiple of {SIZE_STEP}. "
                f"Received: largest_size={largest_size}, image_size={self.image_size}."
            )
        self.sizes = list(range(self.image_size, largest_size + 1, SIZE_STEP))

    def size_at(self, seed, step):
        """Returns the size of a batch: the chance of each is such that all get the same number of pixels."""
        if len(self.sizes) == 1:
            return self.image_size
        chances = 1.0 / np.square(self.sizes, dtype=np.float64)
        return int(np.random.default_rng((seed, step, _SIZE)).choice(self.sizes, p=chances / chances.sum()))

    def dataset(self, seed, start, stop):
        """Returns the batches from step `start` to `stop` of the stream with this seed."""
        side = self.image_size if len(self.sizes) == 1 else None
        shape = (self.part if self.training else None, side, side)
        channels = (1, 5, 3) if self.hints else (1, 2, 3)
        lightness, ab, hints = (tf.TensorSpec((*shape, n), tf.float32) for n in channels)
        signature = ({"lightness": lightness, "hints": hints} if self.hints else lightness, ab)
        dataset = tf.data.Dataset.from_generator(self.batches, output_signature=signature, args=(seed, start, stop))
        options = tf.data.Options()
        # Both would read ahead in `tf.data`, see above.
        options.autotune.enabled = False
        options.experimental_optimization.inject_prefetch = False
        return dataset.with_options(options)

    def batches(self, seed, start, stop):
        """Yields the batches of one iterator; batches read ahead are released with the iterator."""
        steps = iter(range(int(start), int(stop)))
        ahead = collections.deque()
        try:
            while True:
                # One more than the number of threads, so that none idles while a batch is returned.
                for step in itertools.islice(steps, _n_threads() + 1 - len(ahead)):
                    ahead.append(_pool().submit(self.read, int(seed), step))
                if not ahead:
                    return
                lightness, ab, *hints = ahead.popleft().result()
                yield {"lightness": lightness, "hints": hints[0]} if hints else lightness, ab
        finally:
            for abandoned in ahead:
                abandoned.cancel()

    def read(self, seed, step):
        begin = step * self.batch_size + self.first
        positions = range(begin, begin + self.part)
        if self.training:
            size = self.size_at(seed, step)
            samples = [self.random_sample(seed, position, size) for position in positions]
        else:
            paths = self.paths[positions.start : positions.stop]
            samples = [_lightness_ab(_crop(path, self.image_size)) for path in paths]
            if self.hints:
                samples = [self.with_hints(sample, (seed, place)) for place, sample in zip(positions, samples)]
        return [np.stack(parts) for parts in zip(*samples)]

    def random_sample(self, seed, position, size):
        epoch, place = divmod(position, len(self.paths))
        path = self.paths[_shuffled(len(self.paths), seed, epoch)[place]]
        random = np.random.default_rng((seed, position))
        side = math.sqrt(random.uniform(_MIN_CROP_AREA, 1.0))
        left, top, flip, gray = random.uniform(size=4)
        image = _crop(path, size, side, left, top)
        if flip < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        age = np.random.default_rng((seed, position, _AGE))
        if age.uniform() < self.old_photos:
            sample = old_photos.age(np.asarray(image), age)
        else:
            sample = _lightness_ab(image, luma_gray=gray < self.luma_gray)
        return self.with_hints(sample, (seed, position)) if self.hints else sample

    def with_hints(self, sample, key):
        lightness, ab = sample
        random = np.random.default_rng((*key, _HINTS))
        if random.uniform() < simulated_wishes.SHARE:
            hints, wish = simulated_wishes.simulate(lightness, ab, random)
        else:
            hints = simulated_hints.simulate(ab, random)
            wish = np.concatenate([ab, np.ones_like(lightness)], axis=-1)
        return lightness, np.concatenate([ab, wish], axis=-1), hints


def _n_threads():
    return min(processors.usable(), _MAX_THREADS)


@functools.cache
def _pool():
    """Returns the pool shared by all streams, because TensorFlow never frees the functions of a data set."""
    return concurrent.futures.ThreadPoolExecutor(_n_threads(), "read-photos")


@functools.lru_cache(maxsize=4)  # a batch can extend into the next epoch
def _shuffled(n_paths, seed, epoch):
    return np.random.default_rng((seed, epoch, _SHUFFLE)).permutation(n_paths)


def _crop(path, image_size, side=1.0, left=0.5, top=0.5):
    """Crops a square from a photo and resizes it; all arguments are shares in [0, 1]."""
    image = files.open_rgb(path, short_side=math.ceil(image_size / side))
    pixels = side * min(image.size)
    x, y = left * (image.width - pixels), top * (image.height - pixels)
    size, box = (image_size, image_size), (x, y, x + pixels, y + pixels)
    return image.resize(size, Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)


def _lightness_ab(image, luma_gray=False):
    lightness, ab = lab.rgb_to_lightness_ab(np.asarray(image))
    if luma_gray:
        # Pillow's "L" is the Rec. 601 luma, rounded to the 8 bits that a gray file has.
        lightness = lab.rgb_to_lightness(np.asarray(image.convert("L").convert("RGB")))
    return lightness, ab
