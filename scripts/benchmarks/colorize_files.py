"""Creates the files for `benchmark.py colorize`: a model in all formats, photos, a matrix product."""

import sys

import numpy as np
import tensorflow as tf
from PIL import Image

from benchmarks import machine, operations
from tf_colorize import export
from tf_colorize.commands import quiet
from tf_colorize.data import sources
from tf_colorize.export import checks, graph, tflite
from tf_colorize.models import saving
from tf_colorize.photos import files, find

GRAIN = 4.0  # gray levels of noise: an enlarged photo alone would be smoother, and faster to decode, than a real one
CALIBRATION_SIDE = 256


def export_formats(model, formats, folder, photos=None):
    """Writes the same model in several formats.

    Args:
        photos: folder of photos for the calibration and check of int8; None uses parts of the sample photos.

    Returns:
        `(paths, rejected, (parameters, gflop, side))`: dicts from format to path and, for exports that differ too much
        from Keras, from format to the reason, and the size of the network.
    """
    generator, metadata = saving.load_generator(model)
    side = metadata.get("image_size", 256)
    paths, rejected = {}, {}
    for name in formats:
        print(f"exporting {name}", file=sys.stderr)
        try:
            with quiet.startup():  # the converter prints a lot
                paths[name] = _export(generator, metadata, side, name, folder, photos)
        except checks.ExportError as error:
            rejected[name] = str(error)
            print(f"{name} is not measured, because the export was rejected: {error}", file=sys.stderr)
    _, (predict,) = graph.build_fixed(generator, side)
    needed = operations.needed_operations(predict.get_concrete_function().graph)
    return paths, rejected, (generator.count_params(), operations.gigaflop(needed), side)


def _export(generator, metadata, side, name, folder, photos):
    common = {"metadata": metadata, "image_size": side}
    if name == "keras":
        saving.save_generator(generator, folder / "colorizer.keras", metadata)
        return folder / "colorizer.keras"
    if name == "saved_model":
        return export.export_saved_model(generator, folder / "colorizer" / "1", **common).path
    if name.startswith("onnx"):
        quantize = "dynamic" if name == "onnx_dynamic" else "none"
        return export.export_onnx(generator, folder / f"{name}.onnx", quantize=quantize, **common).path
    if name != "int8":
        photos = None
    elif photos is None:
        photos = _write_crops(folder / "crops")
    return export.export_tflite(generator, folder / f"{name}.tflite", quantize=name, photos=photos, **common).path


def write_photo(folder, megapixels):
    """Writes a black-and-white photo, 4:3, as a JPEG with three channels, like scanners do. Returns its path."""
    width = max(1, round((megapixels * 1e6 * 4 / 3) ** 0.5))
    size = (width, max(1, round(width * 3 / 4)))
    gray = _sample_photos()[0].convert("L")
    gray = gray.crop((0, 0, gray.width, gray.width * 3 // 4)).resize(size, Image.Resampling.LANCZOS)
    noise = np.random.default_rng(0).standard_normal((size[1], size[0]), np.float32)
    gray = Image.fromarray(np.clip(np.asarray(gray) + GRAIN * noise, 0, 255).astype(np.uint8))
    path = folder / f"{megapixels:g}.jpg"
    gray.convert("RGB").save(path, quality=92)
    return path


def write_product(path):
    """Writes a TFLite file that multiplies two matrices of `machine.MATRIX_SIZE` in int8. Returns its path."""
    size = machine.MATRIX_SIZE
    values = np.random.default_rng(0).uniform(-1, 1, (size, size)).astype(np.float32)
    multiply = tf.function(lambda x: tf.matmul(x, tf.constant(values)), input_signature=[tf.TensorSpec((size, size))])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([multiply.get_concrete_function()], tf.Module())
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([values] for _ in range(2))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    with quiet.startup():
        path.write_bytes(converter.convert())
    return path


def _write_crops(folder):
    """Writes as many parts of the sample photos as int8 needs for calibration and check; their contents do not affect
    speed."""
    folder.mkdir()
    random, photos = np.random.default_rng(0), _sample_photos()
    for index in range(2 * tflite.MIN_CALIBRATION_PHOTOS):
        photo = photos[index % len(photos)]
        left, top = (int(random.integers(max(1, side - CALIBRATION_SIDE + 1))) for side in photo.size)
        photo.crop((left, top, left + CALIBRATION_SIDE, top + CALIBRATION_SIDE)).save(folder / f"{index:03d}.png")
    return folder


def _sample_photos():
    return [files.open_rgb(path) for path in find.find_photos(sources.folder_of("sample")).photos]
