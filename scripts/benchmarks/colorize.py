"""Times colorization from the bytes of a JPEG file to pixels in color: every format of a model, and alternatives.

Every run is a separate process, on as many processor cores as it has threads, and the variants alternate, so that other
load on the machine affects all of them. On two cores, the whole table takes about 7 minutes, with both alternatives 12.
"""

import dataclasses
import importlib.util
import itertools
import pathlib
import sys
import tempfile
import time

import numpy as np

from benchmarks import colorize_report, processes, siggraph17
from tf_colorize import processors

DEFAULT_MODEL = pathlib.Path(__file__).resolve().parents[2] / "saved_models" / "colorizer" / "1"
# Name in the table, function of `photo_runtimes`, type of the arithmetic.
FORMATS = {
    "keras": ("Keras", "keras", "float32"),
    "saved_model": ("SavedModel", "saved_model", "float32"),
    "none": ("TFLite", "tflite", "float32"),
    "float16": ("TFLite float16", "tflite", "float32"),  # float16 only for the weights
    "dynamic": ("TFLite dynamic", "tflite", "int8"),
    "int8": ("TFLite int8", "tflite", "int8"),
    "onnx": ("ONNX", "onnx", "float32"),
    "onnx_dynamic": ("ONNX dynamic", "onnx", "float32"),  # int8 only for the weights
}
ALTERNATIVES = {
    "opencv": [("OpenCV", "opencv", "float32")],
    "pytorch": [("PyTorch", "pytorch", "float32"), ("PyTorch bfloat16", "pytorch_bfloat16", "bfloat16")],
}
# Modules to import and their names for pip; both use OpenCV for color conversion.
PACKAGES = {
    "opencv": {"cv2": "opencv-python-headless", "onnx": "onnx"},
    "pytorch": {"torch": "torch", "cv2": "opencv-python-headless"},
}


@dataclasses.dataclass(frozen=True)
class Network:
    """The counted arithmetic of a model, and the side of its square input."""

    parameters: int
    gflop: float
    side: int

    def __str__(self):
        return f"{self.parameters / 1e6:.1f} M parameters, {self.gflop:.1f} GFLOP at {self.side}x{self.side}"


@dataclasses.dataclass(frozen=True)
class Variant:
    """One row of the table: a variant and the results of its runs."""

    name: str
    runtime: str
    dtype: str
    threads: int
    path: pathlib.Path
    network: Network
    alternative: str = ""  # "opencv" or "pytorch"; empty for tf_colorize
    runs: list = dataclasses.field(default_factory=list, compare=False)

    def latencies(self, index):
        """Returns the median seconds per photo of each run for the size with that index."""
        return np.array([np.median(run["seconds"][index]) for run in self.runs])

    def network_latencies(self):
        """Returns the median seconds of the network alone for each run."""
        return np.array([np.median(run["network"]) for run in self.runs])


def add_arguments(parser):
    parser.add_argument("--model", help="run folder, .keras file or SavedModel (default: saved_models/colorizer/1)")
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS), help="formats (default: all)")
    parser.add_argument("--photos", metavar="DIR", help="photos to calibrate int8 on (default: from the sample photos)")
    parser.add_argument("--megapixels", nargs="+", type=float, default=[0.07, 1.0, 12.0], help="sizes of the photos")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2], help="threads and processor cores")
    parser.add_argument("--rounds", type=int, default=3, help="runs per variant")
    parser.add_argument(
        "--against",
        nargs="+",
        choices=ALTERNATIVES,
        default=[],
        help="also measure an alternative network of typical size in these frameworks, and print the ratio",
    )
    parser.add_argument("--markdown", action="store_true", help="print the tables in Markdown, as in the manual")


def run(arguments):
    _check(arguments)
    from tf_colorize.commands import quiet

    with quiet.startup():  # imports TensorFlow, which --help does not need
        from benchmarks import colorize_files
    sizes = sorted(set(arguments.megapixels))
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        exported = colorize_files.export_formats(arguments.model, arguments.formats, folder, arguments.photos)
        paths, rejected, network = exported
        if not paths:
            raise ValueError(f"every export was rejected: {'; '.join(rejected.values())}")
        photos = [colorize_files.write_photo(folder, megapixels) for megapixels in sizes]
        product = colorize_files.write_product(folder / "product.tflite") if _needs_product(arguments) else None
        variants = [*_own(arguments, paths, Network(*network)), *_others(arguments, folder)]
        for turn, variant in itertools.product(range(arguments.rounds), variants):
            variant.runs.append(_run(variant, photos, product))
            _report(f"round {turn + 1}/{arguments.rounds}", variant, sizes)
        reasons = {FORMATS[name][0]: reason for name, reason in rejected.items()}
        colorize_report.show(variants, sizes, photos, arguments.markdown, reasons)


def _check(arguments):
    missing = {
        package: None
        for alternative in arguments.against
        for module, package in PACKAGES[alternative].items()
        if importlib.util.find_spec(module) is None
    }
    if missing:
        raise ValueError(
            f"`--against {' '.join(arguments.against)}` needs packages that are not installed: pip install "
            f"{' '.join(missing)}"
        )
    if arguments.model is None:
        if not DEFAULT_MODEL.exists():
            raise ValueError(
                "`--model` must name a run folder, .keras file or SavedModel: there is no saved_models/colorizer/1."
            )
        arguments.model = str(DEFAULT_MODEL)
    if not pathlib.Path(arguments.model).exists():
        raise ValueError(f"`--model` must exist. Received: {arguments.model}")
    cores = processors.usable()
    if not all(1 <= threads <= cores for threads in arguments.threads):
        raise ValueError(f"`--threads` must be 1 to {cores}, the cores of this machine. Received: {arguments.threads}")
    if arguments.rounds < 1 or min(arguments.megapixels) <= 0:
        raise ValueError(
            "`--rounds` must be at least 1 and `--megapixels` positive. "
            f"Received: {arguments.rounds}, {arguments.megapixels}"
        )


def _needs_product(arguments):
    return any(FORMATS[name][2] == "int8" for name in arguments.formats)


def _own(arguments, paths, network):
    return [
        Variant(*FORMATS[name], threads, paths[name], network)
        for name, threads in itertools.product(paths, arguments.threads)
    ]


def _others(arguments, folder):
    if not arguments.against:
        return []
    paths = {"opencv": folder / "siggraph17.onnx", "pytorch": folder / "siggraph17.npz"}
    weights = siggraph17.random_weights()
    np.savez(paths["pytorch"], **weights)
    if "opencv" in arguments.against:
        siggraph17.write_onnx(weights, paths["opencv"])
    network = Network(*siggraph17.counts(), siggraph17.IMAGE_SIZE)
    return [
        Variant(*runtime, threads, paths[alternative], network, alternative)
        for alternative in arguments.against
        for runtime, threads in itertools.product(ALTERNATIVES[alternative], arguments.threads)
    ]


def _run(variant, photos, product):
    flags = {
        "runtime": variant.runtime,
        "model": variant.path,
        "threads": variant.threads,
        **({"product": product} if variant.dtype == "int8" else {}),
    }
    flags = [f"--{name}={value}" for name, value in flags.items()]
    # NumPy's libraries read these; `photo_runtimes` limits the others.
    environment = {"OMP_NUM_THREADS": str(variant.threads), "OPENBLAS_NUM_THREADS": str(variant.threads)}
    flags += [f"--started={time.time()}", "--photos", *map(str, photos)]
    return processes.answer("photo_process", flags, environment)


def _report(turn, variant, sizes):
    milliseconds = [1000 * variant.latencies(index)[-1] for index in range(len(sizes))]
    words = ", ".join(f"{size:g} megapixels {taken:.1f} ms" for size, taken in zip(sizes, milliseconds))
    others = variant.runs[-1]["others"]
    disturbed = "" if others is None else f"; other processes used {others:.0%} of the machine"
    print(f"{turn}  {variant.name}, {variant.threads} threads: {words}{disturbed}", file=sys.stderr)
