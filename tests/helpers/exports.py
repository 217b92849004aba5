"""A generator with every part of the real one, small and colorful, and its exports."""

import functools
import pickle
import types

import keras
import numpy as np
import shared_folder
import skimage.data
from PIL import Image

from tf_colorize import export
from tf_colorize.color import lab
from tf_colorize.models import blocks, grafts, saving

IMAGE_SIZE = 64
SIZES = [32, 48, 64]  # of the model of several sizes


@functools.cache
def generator():
    """Strided convolution, fused batch normalization, a palette of all ab bins, bilinear upsampling."""
    palette = lab.ab_palette()
    inputs = keras.Input((None, None, 1), name="lightness")
    initializer = keras.initializers.HeNormal(seed=1)
    x = keras.layers.Conv2D(8, 5, strides=2, padding="same", kernel_initializer=initializer, name="conv")(inputs)
    x = blocks.FusedBatchNormalization(name="norm")(x)
    x = keras.layers.ReLU(name="relu")(x)
    initializer = keras.initializers.RandomNormal(stddev=1.0, seed=2)
    x = keras.layers.Conv2D(len(palette), 1, kernel_initializer=initializer, name="chroma_logits")(x)
    x = blocks.AnnealedMean(palette, 0.38, name="chroma")(x)
    outputs = blocks.BilinearUpsampling(2, name="ab")(x)
    # By this name training knows what it goes on with.
    model = keras.Model(inputs, outputs, name="resnet18_unet")
    # Statistics that are not those of a new layer.
    norm = model.get_layer("norm")
    norm.moving_mean.assign(np.linspace(-0.2, 0.2, 8))
    norm.moving_variance.assign(np.linspace(0.5, 2.0, 8))
    return model


def generator_with_features():
    """The smallest network with features at stride 8, a palette and hints."""
    keras.utils.set_random_seed(3)
    palette = lab.ab_palette()[::20]
    inputs = keras.Input((None, None, 1), name="lightness")
    x = keras.layers.Conv2D(12, 16, strides=8, padding="same", name="decoder2_conv")(inputs)
    x = keras.layers.ReLU(name="decoder2_relu")(x)
    x = keras.layers.Conv2D(len(palette), 1, name="chroma_logits")(x)
    x = blocks.AnnealedMean(palette, 0.38, name="chroma")(x)
    generator = keras.Model(inputs, blocks.BilinearUpsampling(8, name="ab")(x), name="resnet18_unet")
    return grafts.add_hints(generator, power=1, ends=False)


def write_photos(folder, count=4):
    """Crops of scikit-image's photographs."""
    sources = [skimage.data.coffee(), skimage.data.astronaut(), skimage.data.chelsea(), skimage.data.rocket()]
    folder.mkdir()
    for index in range(count):
        photo = sources[index % 4]
        row, column = (37 * index) % 180, (53 * index) % 330
        Image.fromarray(photo[row : row + 100, column : column + 120]).save(folder / f"{index:03d}.png")
    return folder


@functools.cache
def exported():
    """Photos, SavedModel and TFLite files of `generator`, exported once in a session."""
    folder = shared_folder.folder()
    common = {"image_size": IMAGE_SIZE, "photos": folder / "photos"}
    kinds = ("none", "float16", "dynamic")
    with shared_folder.once("exported") as is_first:
        if is_first:
            write_photos(folder / "photos")
            report = export.export_saved_model(generator(), folder / "colorizer" / "1", **common)
            (folder / "report.pickle").write_bytes(pickle.dumps(report))
            for kind in kinds:
                export.export_tflite(generator(), folder / f"{kind}.tflite", quantize=kind, **common)
    return types.SimpleNamespace(
        photos=folder / "photos",
        saved_model=folder / "colorizer" / "1",
        report=pickle.loads((folder / "report.pickle").read_bytes()),
        tflite={kind: folder / f"{kind}.tflite" for kind in kinds},
    )


@functools.cache
def of_several_sizes():
    """A `.keras` file, SavedModel and TFLite file of `generator_with_features` for `SIZES`, exported once in a
    session."""
    folder, generator = shared_folder.folder() / "sizes", generator_with_features()
    about = {"image_size": SIZES[0], "image_sizes": SIZES}
    common = {"metadata": about, "photos": exported().photos}
    with shared_folder.once("sizes") as is_first:
        if is_first:
            saving.save_generator(generator, folder / "generator.keras", about)
            export.export_saved_model(generator, folder / "colorizer" / "1", **common)
            export.export_tflite(generator, folder / "none.tflite", **common)
    return types.SimpleNamespace(
        keras=folder / "generator.keras",
        saved_model=folder / "colorizer" / "1",
        tflite={"none": folder / "none.tflite"},
    )


@functools.cache
def onnx_files():
    """ONNX files of `generator`, by what they hold, exported once in a session."""
    folder, common = shared_folder.folder(), {"image_size": IMAGE_SIZE, "photos": exported().photos}
    files = {kind: folder / f"{kind}.onnx" for kind in ("none", "dynamic", "picture")}
    with shared_folder.once("onnx") as is_first:
        if is_first:
            export.export_onnx(generator(), files["none"], **common)
            export.export_onnx(generator(), files["dynamic"], quantize="dynamic", **common)
            export.export_onnx_picture(generator(), files["picture"], **common)
    return files


@functools.cache
def far_reaching_hints():
    """A TFLite file whose hints reach far, as in the shipped model, exported once in a session."""
    path = shared_folder.folder() / "far_reaching_hints.tflite"
    with shared_folder.once("far_reaching_hints") as is_first:
        if is_first:
            photos = write_photos(shared_folder.folder() / "photo", count=1)
            keras.utils.set_random_seed(1)
            hinted = grafts.add_hints(generator(), power=1, ends=False)
            export.export_tflite(hinted, path, image_size=IMAGE_SIZE, photos=photos)
    return path


@functools.cache
def lending():
    """A TFLite file with features at the places of the shipped one, in float, which browsers and Python run alike;
    exported once in a session."""
    path = shared_folder.folder() / "lending.tflite"
    with shared_folder.once("lending") as is_first:
        if is_first:
            photos = write_photos(shared_folder.folder() / "photo of lending", count=1)
            export.export_tflite(generator_with_features(), path, image_size=224, photos=photos)
    return path
