"""Measures the full GAN training step on synthetic pictures, in images/s, and its bottlenecks.

Every run is a separate process and the variants alternate, so that other load on the machine affects all of them. On
two cores, a run takes about half a minute, the whole table 12 minutes, with `--against pytorch` 20.
"""

import dataclasses
import importlib.util
import itertools
import sys

import numpy as np

from benchmarks import machine, processes, tables
from tf_colorize import processors

GENERATORS = ("unet", "resnet18_unet")
PRECISIONS = ("float32", "mixed_bfloat16")
BATCH_NORMS = ("fused", "plain")
HEADINGS = ("generator", "precision", "variant", "images/s", "against PyTorch", "arithmetic", "memory")


@dataclasses.dataclass(frozen=True)
class Variant:
    """One row of the table: a variant and the results of its runs."""

    framework: str
    generator: str
    precision: str
    detail: str  # batch normalization, or PyTorch's memory layout
    runs: list = dataclasses.field(default_factory=list, compare=False)

    def module_and_flags(self, arguments):
        """Returns the module of one run and its flags."""
        flags = ["--precision", self.precision]
        if self.framework == "PyTorch":
            flags += ["--channels-last"] if self.detail == "channels last" else []
        else:
            flags += ["--generator", self.generator, "--batch-norm", self.detail]
        for name in ("image_size", "batch_size", "steps"):
            flags += [f"--{name.replace('_', '-')}", str(getattr(arguments, name))]
        module = "pytorch_pix2pix" if self.framework == "PyTorch" else "keras_pix2pix"
        return module, flags

    def speeds(self, batch_size):
        """Returns the images/s of each run for its median step."""
        return np.array([batch_size / np.median(run["seconds"]) for run in self.runs])


def add_arguments(parser):
    parser.add_argument("--generator", choices=GENERATORS, help="generator (default: all)")
    parser.add_argument("--precision", choices=PRECISIONS, help="precision (default: all)")
    parser.add_argument("--batch-norm", choices=BATCH_NORMS, help="batch normalization (default: both)")
    parser.add_argument("--image-size", type=int, default=256, help="height and width")
    parser.add_argument("--batch-size", type=int, default=8, help="pictures per step")
    parser.add_argument("--steps", type=int, default=6, help="measured steps per run")
    parser.add_argument("--rounds", type=int, default=3, help="runs per variant")
    parser.add_argument(
        "--against", choices=["pytorch"], help="also measure the unet's step in PyTorch, and print the ratio"
    )
    parser.add_argument("--markdown", action="store_true", help="print the table in Markdown, as in the manual")


def run(arguments):
    _check(arguments)
    variants = _variants(arguments)
    processors.prefer_onednn()  # in the processes of the runs, as scripts/train.py does
    for turn, variant in itertools.product(range(arguments.rounds), variants):
        variant.runs.append(processes.answer(*variant.module_and_flags(arguments)))
        speed = variant.speeds(arguments.batch_size)[-1]
        words = f"{variant.framework} {variant.generator} {variant.precision} {variant.detail}"
        others = variant.runs[-1]["others"]
        disturbed = "" if others is None else f", other processes used {others:.0%} of the machine"
        print(f"round {turn + 1}/{arguments.rounds}  {words}  {speed:.2f} images/s{disturbed}", file=sys.stderr)
    _show(variants, arguments)


def _check(arguments):
    from tf_colorize.models import catalog  # imports TensorFlow, which --help does not need

    if arguments.against and importlib.util.find_spec("torch") is None:
        raise ValueError("`--against pytorch` needs PyTorch: pip install torch")
    for name in ("batch_size", "image_size", "rounds", "steps"):
        if getattr(arguments, name) < 1:
            raise ValueError(f"`--{name.replace('_', '-')}` must be at least 1. Received: {getattr(arguments, name)}")
    for generator in [arguments.generator] if arguments.generator else GENERATORS:
        multiple = catalog.kind(generator).size_multiple
        if arguments.image_size % multiple:
            raise ValueError(
                f"`--image-size` must be a multiple of {multiple} for {generator}. Received: {arguments.image_size}"
            )


def _variants(arguments):
    choices = [
        [arguments.generator] if arguments.generator else GENERATORS,
        [arguments.precision] if arguments.precision else PRECISIONS,
        [arguments.batch_norm] if arguments.batch_norm else BATCH_NORMS,
    ]
    variants = [Variant("tf_colorize", *choice) for choice in itertools.product(*choices)]
    if arguments.against and "unet" in choices[0]:
        layouts = ("channels first", "channels last")
        variants += [Variant("PyTorch", "unet", *choice) for choice in itertools.product(choices[1], layouts)]
    return variants


def _show(variants, arguments):
    rows = [_row(variant, variants, arguments.batch_size) for variant in variants]
    precisions = dict.fromkeys(variant.precision for variant in variants)
    rates = ", ".join(f"{_best(variants, 'gflops', name):.0f} GFLOP/s in {name}" for name in precisions)
    notes = (
        f"{arguments.batch_size} pictures of {arguments.image_size} pixels a step, {machine.in_words()}. Medians of "
        f"{arguments.rounds} runs, with minimum and maximum. Arithmetic: convolutions and matrix products, as a share "
        f"of the best rate of a {machine.MATRIX_SIZE}x{machine.MATRIX_SIZE} matrix product ({rates}). Memory: bytes "
        f"that the step's operations read and write, as a share of a large copy ({_best(variants, 'gbytes'):.0f} GB/s)."
    )
    notes += tables.others([run for variant in variants for run in variant.runs])
    tables.show(HEADINGS, rows, notes, arguments.markdown)


def _row(variant, variants, batch_size):
    speeds = variant.speeds(batch_size)
    ratio = arithmetic = memory = "-"
    others = [v for v in variants if v.framework == "PyTorch" and v.precision == variant.precision]
    if others and variant.framework != "PyTorch" and variant.generator == "unet":
        # Per round, relative to the faster layout.
        ratio = tables.spread(speeds / np.max([other.speeds(batch_size) for other in others], axis=0), "x")
    if variant.framework != "PyTorch":
        steps = np.median(speeds) / batch_size
        arithmetic = tables.share(
            variant.runs[0]["gflop"] * steps, _best(variants, "gflops", variant.precision), "GFLOP/s"
        )
        memory = tables.share(variant.runs[0]["gbyte"] * steps, _best(variants, "gbytes"), "GB/s")
    name = variant.generator if variant.framework == "tf_colorize" else f"{variant.generator} in {variant.framework}"
    return (name, variant.precision, variant.detail, tables.spread(speeds), ratio, arithmetic, memory)


def _best(variants, rate, precision=None):
    """Returns the best rate of all runs, so that disturbances do not make the machine look slow."""
    return max(run[rate] for variant in variants if precision in (None, variant.precision) for run in variant.runs)
