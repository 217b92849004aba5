"""The command `tf-colorize export`: a trained generator for servers, devices and apps, each checked against Keras."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from tf_colorize.commands import parsing, quiet, streams

# No heavy imports up here: `tf-colorize export --help` must answer at once.

_DESCRIPTION = (
    "Export a trained generator for TF Serving (SavedModel), for devices (TFLite) and for other programs (ONNX), "
    "each checked against Keras."
)
_EPILOG = """\
examples:
  {command} --model runs/colorizer --saved-model saved_models/colorizer/1
  {command} --model runs/colorizer --tflite colorizer.tflite --quantize dynamic
  {command} --model runs/colorizer --tflite colorizer.tflite --quantize int8 --photos photos
  {command} --model runs/colorizer --onnx colorizer.onnx --onnx-picture colorizer-picture.onnx --quantize dynamic
"""


# The choices and the number of `tf_colorize.export.tflite`, which --help does without: it needs TensorFlow.
QUANTIZE = ("none", "float16", "dynamic", "int8")
MIN_CALIBRATION_PHOTOS = 200
# Those of `tf_colorize.export.onnx`, for the same reason.
ONNX_QUANTIZE = ("none", "dynamic")


def _parser() -> argparse.ArgumentParser:
    parser = parsing.Parser(
        prog=parsing.program("export"),
        description=_DESCRIPTION,
        epilog=_EPILOG.format(command=parsing.typed("export")),
    )
    parser.add_argument("--model", required=True, help="run folder, .keras file or SavedModel")
    parser.add_argument("--saved-model", metavar="DIR", help="folder to write, NAME/VERSION for TF Serving")
    parser.add_argument("--tflite", metavar="FILE", help="file to write")
    parser.add_argument("--onnx", metavar="FILE", help="file to write: lightness and hints in, color out")
    parser.add_argument(
        "--onnx-picture", metavar="FILE", help="file to write: a whole picture in, the same in color out"
    )
    parser.add_argument(
        "--quantize",
        choices=QUANTIZE,
        default="none",
        help="bytes per weight of TFLite and ONNX files: none 4, float16 2, dynamic 1, int8 1 (activations, too); "
        "of ONNX, none and dynamic (default none)",
    )
    parser.add_argument(
        "--photos",
        metavar="DIR",
        help=f"photos for the check and for the calibration of dynamic and int8; int8 needs {MIN_CALIBRATION_PHOTOS} "
        "(default: sample photos)",
    )
    parser.add_argument(
        "--image-size",
        type=int,
        help="side of the network's square input, in pixels (default: the model's, and ONNX networks also take others)",
    )
    parser.add_argument(
        "--vectors", metavar="DIR", help="with --tflite or --onnx: folder for test vectors for other implementations"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace existing exports")
    return parser


@streams.usable
def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit code: 0, 1 if anything failed, 2 for wrong usage, 130 when stopped."""
    parser = _parser()
    options = parser.parse_args(arguments)
    onnx_files = options.onnx or options.onnx_picture
    if not (options.saved_model or options.tflite or onnx_files):
        parser.error("give --saved-model, --tflite, --onnx or --onnx-picture, or several of them")
    if options.vectors and not (options.tflite or options.onnx):
        parser.error("--vectors needs --tflite or --onnx")
    if onnx_files and options.quantize not in ONNX_QUANTIZE:
        parser.error(f"--onnx: --quantize must be {' or '.join(ONNX_QUANTIZE)}, not {options.quantize}")
    problem = _problem_of_targets(options)
    if problem:
        parser.error(problem)
    with quiet.missing_packages(parser.prog):
        return _export(options, parser.prog)


def _problem_of_targets(options):
    """Returns a message if an export would replace the model, the photos or another export, or None."""
    from tf_colorize.albums import inputs

    names = ("saved_model", "tflite", "onnx", "onnx_picture")
    given = {f"--{name.replace('_', '-')}": getattr(options, name) for name in names if getattr(options, name)}
    others = {"--model": options.model, **({"--photos": options.photos} if options.photos else {}), **given}
    for option, target in given.items():
        for other, path in others.items():
            if other != option and inputs.lies_in(path, target):
                return f"{option} {target} would replace {other} {path}; choose another name"
    return None


def _export(options, program):
    with quiet.startup():
        from tf_colorize import export
        from tf_colorize.export import tflite, vectors
        from tf_colorize.models import anatomy, saving

    try:
        generator, metadata = saving.load_generator(options.model)
        common = {"metadata": metadata, "image_size": options.image_size}
        common |= {"photos": options.photos, "overwrite": options.overwrite}
        if options.saved_model:
            report = export.export_saved_model(generator, options.saved_model, **common)
            weights = "float16" if report.half_precision else "float32"
            print(f"{report.path}: {report.n_bytes / 1e6:.1f} MB, {weights} weights; {report.agreement}", flush=True)
        if options.tflite:
            if options.quantize == "int8" and anatomy.takes_hints(generator):
                print("int8: without hints, because 8 bits are too few for spreading them")
            report = export.export_tflite(generator, options.tflite, quantize=options.quantize, **common)
            times = [f"{tflite.latency(report.path, threads) * 1e3:.0f} ms" for threads in (1, 2)]
            print(f"{report.path}: {report.n_bytes / 1e6:.1f} MB, {options.quantize}; {report.agreement}")
            print(f"median of 30 runs: {times[0]} on 1 thread, {times[1]} on 2 threads")
        if options.onnx:
            report = export.export_onnx(generator, options.onnx, quantize=options.quantize, **common)
            print(f"{report.path}: {report.n_bytes / 1e6:.1f} MB, {options.quantize}; {report.agreement}", flush=True)
        if options.onnx_picture:
            report = export.export_onnx_picture(generator, options.onnx_picture, quantize=options.quantize, **common)
            print(f"{report.path}: {report.n_bytes / 1e6:.1f} MB, {options.quantize}; {report.agreement}", flush=True)
        if options.vectors:
            vectors.write(options.tflite or options.onnx, options.vectors)
            print(f"{options.vectors}: test vectors")
    except (ValueError, OSError) as error:
        streams.raise_if_of_output(error)
        parsing.complain(program, f"error: {parsing.reason_of(error)}")
        return 1
    return 0
