"""Compares the input pipeline with the same work by Pillow and scikit-image in one thread.

The two alternate, so that other load on the machine affects both.
"""

import os
import resource
import time

import numpy as np
import skimage.color
from PIL import Image, ImageOps

import tf_colorize as tfc
from benchmarks import tables
from tf_colorize import processors


def add_arguments(parser):
    parser.add_argument("--data", default="sample", help="folder, tfds:NAME or sample")
    parser.add_argument("--image-size", type=int, default=256, help="height and width of the crops")
    parser.add_argument("--batch-size", type=int, default=16, help="pictures per batch")
    parser.add_argument("--images", type=int, default=320, help="pictures per run")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each pipeline")


def run(arguments):
    paths = tfc.data.find_photos(arguments.data).paths
    n_images = max(1, arguments.images // arguments.batch_size) * arguments.batch_size
    # In random order, because folders are often sorted by source; photos repeat if there are few.
    photos = [str(path) for path in np.random.default_rng(0).choice(paths, n_images, len(paths) < n_images)]
    dataset = tfc.data.image_dataset(photos, arguments.image_size, arguments.batch_size, training=True)
    speeds = {"tf_colorize.data": [], "Pillow + scikit-image": []}
    processor = {name: [] for name in speeds}
    for batches in [dataset, _reference(photos[: arguments.batch_size], arguments)]:
        _measure(batches, n_images)  # warm-up: imports, tables, files in the page cache
    for _ in range(arguments.rounds):
        for name, batches in zip(speeds, (dataset, _reference(photos, arguments))):
            speed, milliseconds = _measure(batches, n_images)
            speeds[name].append(speed)
            processor[name].append(milliseconds)
    print(
        f"{n_images} photos, {arguments.image_size} px, batch {arguments.batch_size}, "
        f"{processors.usable()} processors, load average {os.getloadavg()[0]:.1f}, {arguments.rounds} rounds"
    )
    for name in speeds:
        taken = tables.spread(processor[name])
        print(f"{name:22}{tables.spread(speeds[name])} images/s, {taken} ms of processor per image")
    print(f"{'ratio':22}{tables.spread(np.divide(*speeds.values()))}")


def _measure(batches, n_images):
    """Returns images/s and milliseconds of processor time per image."""
    usage, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    for _ in batches:
        pass
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    used = after.ru_utime - usage.ru_utime + after.ru_stime - usage.ru_stime
    return n_images / seconds, 1000 * used / n_images


def _reference(photos, arguments):
    """Yields the same as `image_dataset(training=True)`, implemented without it."""
    random = np.random.default_rng(0)
    photos = random.permutation(photos)
    for start in range(0, len(photos), arguments.batch_size):
        chosen = photos[start : start + arguments.batch_size]
        samples = [_reference_sample(path, arguments.image_size, random) for path in chosen]
        lightness, ab = zip(*samples)
        yield np.stack(lightness).astype(np.float32), np.stack(ab).astype(np.float32)


def _reference_sample(path, image_size, random):
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    side = int(np.sqrt(random.uniform(0.5, 1)) * min(image.size))
    left, top = random.integers(image.width - side + 1), random.integers(image.height - side + 1)
    image = image.crop((left, top, left + side, top + side))
    image = image.resize((image_size, image_size), Image.Resampling.BILINEAR)
    if random.uniform() < 0.5:
        image = ImageOps.mirror(image)
    lab = skimage.color.rgb2lab(np.asarray(image))
    lightness = lab[..., :1]
    if random.uniform() < 0.3:
        lightness = skimage.color.rgb2lab(np.asarray(image.convert("L").convert("RGB")))[..., :1]
    return lightness / 50 - 1, lab[..., 1:] / 110
