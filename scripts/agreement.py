"""Runs a model through every interface on the same photos. As a program, it prints the table of a model:

python scripts/agreement.py --model runs/colorizer --photos photos/val
"""

import argparse
import contextlib
import functools
import io
import pathlib
import subprocess
import sys
import tempfile
import types

import numpy as np
import skimage.data
import tensorflow as tf
from PIL import Image, ImageOps

from tf_colorize import Colorizer, export, hints
from tf_colorize.export import checks
from tf_colorize.inference import onnx_runtime, runtimes, serving
from tf_colorize.models import anatomy, saving
from tf_colorize.photos import files

# The replacement for TF Serving is a test double.
sys.path.append(str(pathlib.Path(__file__).parents[1] / "tests" / "helpers"))
import prediction_server

HINTS = ("25%,30%=#7a4b2c", "70%,20%=navy")


def photos(larger_sizes=()):
    """Returns PIL images by their special property; for a model of several sizes, also just under and at each size."""
    coffee, cat, person = (
        Image.fromarray(data) for data in (skimage.data.coffee(), skimage.data.chelsea(), skimage.data.astronaut())
    )
    alpha = person.resize((150, 150))
    alpha.putalpha(Image.linear_gradient("L").resize((150, 150)))
    found = {
        "color": coffee.resize((300, 200)),
        "gray": Image.fromarray(skimage.data.camera()).resize((256, 256)),
        "odd size": cat.resize((301, 197)),
        "portrait": person.crop((100, 0, 300, 400)),
        "panorama": coffee.crop((0, 150, 600, 220)),
        "alpha": alpha,
        "1 pixel wide": person.crop((250, 0, 251, 300)),
        "1 pixel high": person.crop((0, 250, 300, 251)),
        "1 pixel": person.crop((250, 250, 251, 251)),
        "smaller than the network": cat.resize((31, 20)),
        "gray mount": ImageOps.expand(person.convert("L").resize((220, 220)), (30, 40, 35, 60), 120),
        "white border": ImageOps.expand(coffee.resize((300, 200)), 15, "white"),
    }
    for side in larger_sizes:
        width = side + side // 4
        height = -(-(side**2) // width)
        found[f"just under {side} squared"] = coffee.resize((width, height - 1))
        found[f"at {side} squared"] = cat.resize((width, height))
    return found


@contextlib.contextmanager
def ways(saved_model, tflite, onnx, server=None):
    """Yields functions from the bytes of a PNG file to a PIL image, by name.

    Args:
        saved_model: Folder.
        tflite: dict of `.tflite` files by their quantization.
        onnx: dict of `.onnx` files by their quantization; "picture" takes whole pictures.
        server: What `prediction_server.serve` yields for the folder, if it runs already: loading takes seconds.
    """
    with (
        served(saved_model, server) as (loaded, addresses),
        session(saved_model) as run_session,
        tempfile.TemporaryDirectory() as folder,
    ):
        functions = {
            "SavedModel, serving_default": lambda file: decoded(
                loaded.signatures["serving_default"](image_bytes=tf.constant([file]))["color_bytes"].numpy()[0]
            ),
            "SavedModel, colorize": lambda file: Image.fromarray(
                loaded.signatures["colorize"](image=tf.constant(pixels(file)))["image"].numpy()[0]
            ),
            "SavedModel, predict_ab": through(Colorizer(runtimes.of_loaded(loaded, saved_model))),
            "TF1 session": lambda file: decoded(run_session(file)),
        }
        for protocol, address in addresses.items():
            functions[f"{protocol} server, files"] = through_files(serving.Client(address))
            functions[f"{protocol} server, chroma"] = through(Colorizer.from_server(address))
        for kind, path in tflite.items():
            functions[f"TFLite {kind}"] = through(Colorizer.from_tflite(path))
        for kind, path in onnx.items():
            functions[f"ONNX {kind}"] = through_pictures(path) if "picture" in kind else through(Colorizer.load(path))
        functions["tf-colorize"] = lambda file: through_command_line(file, tflite["none"], pathlib.Path(folder))
        yield functions


@contextlib.contextmanager
def ways_with_hints(saved_model, tflite, onnx=types.MappingProxyType({}), server=None):
    """Does the same as `ways` with `HINTS` on each photo, for a model that takes hints."""
    with served(saved_model, server) as (loaded, addresses), tempfile.TemporaryDirectory() as folder:
        colorizer = Colorizer(runtimes.of_loaded(loaded, saved_model))
        functions = {
            "SavedModel, colorize": lambda file: colorized_with_hints(loaded, colorizer, pixels(file)),
            "SavedModel, predict_ab": through(colorizer, HINTS),
        }
        for protocol, address in addresses.items():
            functions[f"{protocol} server, chroma"] = through(Colorizer.from_server(address), HINTS)
        for kind, path in tflite.items():
            functions[f"TFLite {kind}"] = through(Colorizer.from_tflite(path), HINTS)
        for kind, path in onnx.items():
            if "picture" not in kind:
                functions[f"ONNX {kind}"] = through(Colorizer.load(path), HINTS)
        functions["tf-colorize"] = lambda file: through_command_line(file, tflite["none"], pathlib.Path(folder), HINTS)
        yield {f"{name}, with hints": function for name, function in functions.items()}


@contextlib.contextmanager
def served(saved_model, server):
    """Yields a SavedModel as its server has loaded it, and the server's addresses."""
    with prediction_server.serve(saved_model) if server is None else contextlib.nullcontext(server) as running:
        model, addresses = running
        yield model.loaded, addresses


def colorized_with_hints(loaded, colorizer, image):
    signature, lightness = loaded.signatures["colorize_with_hints"], colorizer.lightness(image[0])
    painted = hints.raster(hints.hints_of(HINTS), (image.shape[2], image.shape[1]), lightness)
    return Image.fromarray(signature(image=tf.constant(image), hints=tf.constant(painted))["image"].numpy()[0])


def decoded(data):
    return Image.open(io.BytesIO(data))


def pixels(file):
    return np.asarray(files.open_rgb(file))[np.newaxis]


def through(colorizer, given=()):
    return lambda file: Image.fromarray(colorizer(file, hints=given))


def through_pictures(path):
    colorize = onnx_runtime.picture(path, threads=1)
    return lambda file: Image.fromarray(colorize(pixels(file)[0]))


def through_files(client):
    return lambda file: decoded(client.colorize_files([file])[0])


def through_command_line(file, model, folder, given=()):
    (folder / "photo.png").write_bytes(file)
    command = [sys.executable, "-m", "tf_colorize", "photo.png", "--model", str(model), "-o", "result.png"]
    command += [part for hint in given for part in ("--hint", hint)]
    subprocess.run([*command, "--overwrite"], cwd=folder, check=True, capture_output=True)
    return decoded((folder / "result.png").read_bytes())


@contextlib.contextmanager
def session(path):
    """Runs the SavedModel in a TensorFlow 1 session, by tag and signature, like the server's runtime."""
    with tf.Graph().as_default():
        running = tf.compat.v1.Session()
        signature = tf.compat.v1.saved_model.load(running, ["serve"], str(path)).signature_def["serving_default"]
    take, give = signature.inputs["image_bytes"].name, signature.outputs["color_bytes"].name
    with contextlib.closing(running):
        yield lambda file: running.run(give, {take: [file]})[0]


def distance(actual, expected):
    """Returns the difference of two pictures in gray levels: for each pixel the maximum of its channels, without
    alpha."""
    difference = np.asarray(actual.convert("RGB")).astype(int) - expected
    return np.abs(difference).max(axis=-1)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--model", required=True, help="run folder, .keras file or SavedModel")
    parser.add_argument("--photos", help="folder of photos to calibrate int8 on (default: omit int8)")
    parser.add_argument(
        "--image-size", type=int, help="side of the network's square input, in pixels (default: the model's)"
    )
    options = parser.parse_args()
    generator, metadata = saving.load_generator(options.model)
    common = {"metadata": metadata, "image_size": options.image_size, "photos": options.photos}
    keras_colorizer = Colorizer.from_keras(options.model, image_size=options.image_size)
    larger_sizes = keras_colorizer.predictor.larger_sizes
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        export.export_saved_model(generator, folder / "colorizer" / "1", **common)
        tflite = {"none": export.export_tflite(generator, folder / "none.tflite", **common).path}
        onnx = {}
        for kind in ("float16", "dynamic", "int8"):
            if kind != "int8" or (options.photos and not anatomy.takes_hints(generator)):
                with unless_rejected(f"TFLite {kind}"):
                    path = folder / f"{kind}.tflite"
                    tflite[kind] = export.export_tflite(generator, path, quantize=kind, **common).path
        for kind in ("none", "dynamic"):
            with unless_rejected(f"ONNX {kind}"):
                onnx[kind] = export.export_onnx(generator, folder / f"{kind}.onnx", quantize=kind, **common).path
        with unless_rejected("ONNX picture"):
            onnx["picture"] = export.export_onnx_picture(generator, folder / "picture.onnx", **common).path
        print("| interface | largest difference | mean | within 2 gray levels |\n|---|---|---|---|")
        with ways(folder / "colorizer" / "1", tflite, onnx) as functions:
            print_rows(functions, keras_colorizer, larger_sizes)
        if keras_colorizer.takes_hints:
            with ways_with_hints(folder / "colorizer" / "1", tflite, onnx) as functions:
                print_rows(functions, functools.partial(keras_colorizer, hints=HINTS), larger_sizes)


@contextlib.contextmanager
def unless_rejected(name):
    """Reports an export that is rejected; the table is made without its row."""
    try:
        yield
    except checks.ExportError as error:
        print(f"agreement.py: {name} has no row, because the export was rejected: {error}", file=sys.stderr)


def print_rows(functions, expected, larger_sizes):
    for name, function in functions.items():
        wanted = expected.at_smallest() if name == "ONNX picture" else expected  # the only size that such files have
        distances = []
        for photo in photos(larger_sizes).values():
            file = as_png(photo)
            distances.append(distance(function(file), wanted(file)).ravel())
        all_pixels = np.concatenate(distances)
        share = np.mean(all_pixels <= 2)
        print(f"| {name} | {all_pixels.max()} | {all_pixels.mean():.3f} | {share:.3%} |", flush=True)


def as_png(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


if __name__ == "__main__":
    main()
