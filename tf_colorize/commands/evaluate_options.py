"""The options of `tf-colorize evaluate`."""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Sequence

from tf_colorize import installation
from tf_colorize.commands import parsing

_DESCRIPTION = "Measure colorizers on color photos, and show their results for black-and-white ones."
_EPILOG = """\
examples:
  {command} --model MODEL --data DIR --out report
  {command} --model A.tflite --model runs/NAME --data DIR --out report
  {command} --model MODEL --bw DIR --out sheets
  {command} --model MODEL --data DIR --film 12 --out strips
  {command} --model MODEL --data DIR --hints 0,1,2,5,10,20,100 --out report
  {command} --model MODEL --hint-regions regions.json
  {command} --model MODEL --data DIR --old --lpips --out report
"""

# The keys of `tf_colorize.evaluation.PROTOCOLS`, which --help does without: it needs the train extra.
PROTOCOLS = ("crop256", "squash256", "full")
_MOST_HINTS = 1000


def parser() -> argparse.ArgumentParser:
    """Returns the parser of the command."""
    parser = parsing.Parser(
        prog=parsing.program("evaluate"),
        description=_DESCRIPTION,
        epilog=_EPILOG.format(command=parsing.typed("evaluate")),
    )
    parser.add_argument(
        "--model", action="append", required=True, help="any model that Colorizer.load accepts; repeatable"
    )
    parser.add_argument("--data", type=pathlib.Path, help="folder of color photos")
    parser.add_argument("--bw", type=pathlib.Path, help="folder of black-and-white photos, for contact_sheet.jpg")
    parser.add_argument(
        "--protocol",
        choices=PROTOCOLS,
        default="crop256",
        help="central square scaled to 256 pixels, whole picture squashed to that, or original size (default crop256)",
    )
    parser.add_number(
        "--film",
        2,
        2**31,
        metavar="N",
        help="instead, measure the steadiness of films on clips made from N photos, with and without steadying",
    )
    parser.add_argument(
        "--hints",
        type=_counts_of_hints,
        metavar="N,N,...",
        help="also measure the gain from N simulated hints with the true color at random places, and how far a hint "
        "in another color reaches",
    )
    parser.add_argument(
        "--hint-regions",
        type=pathlib.Path,
        metavar="FILE",
        help="also how 1 to 5 hints fill things that are outlined in FILE, in their own photos; JSON such as "
        '{"version": 1, "regions": [{"photo": "a.jpg", "name": "coat", "polygon": [[10, 20], [90, 20], [50, 80]], '
        '"point": [50, 40]}]}',
    )
    parser.add_number(
        "--reference",
        1,
        10_000,
        nargs="?",
        const=30,
        metavar="N",
        help="also what a reference gains: N pairs (30) of another crop of the photo, one like it, and any other",
    )
    parser.add_argument(
        "--old",
        action="store_true",
        help="also measure artificially aged photos: grain, fading, dust and others, and all of them together",
    )
    parser.add_argument(
        "--features",
        help="network for the Frechet and kernel distances: weights, a Keras model, or inception, which is downloaded",
    )
    parser.add_argument(
        "--lpips",
        nargs="?",
        const="",
        metavar="FILE",
        help="also measure LPIPS, with an .npz file of its weights; without FILE, needs "
        + installation.pip_install("lpips"),
    )
    parser.add_argument(
        "--all-figures",
        action="store_true",
        help="print all figures with their intervals (default: a short table; report.html has all of them)",
    )
    parser.add_argument("--out", type=pathlib.Path, help="folder for report.html, metrics.json and photos.csv")
    return parser


def parsed(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Returns the options; exits with code 2 if they do not go together."""
    options = parser.parse_args(arguments)
    if options.data is None and options.bw is None and options.hint_regions is None:
        parser.error("give --data, --bw or both, or --hint-regions")
    if options.film is not None and options.data is None:
        parser.error("--film needs the photos of --data")
    if options.hints is not None and (options.data is None or options.film is not None):
        parser.error("--hints needs the photos of --data and cannot be combined with --film")
    if options.hint_regions is not None and options.film is not None:
        parser.error("--hint-regions cannot be combined with --film")
    if options.reference and (options.data is None or options.film is not None):
        parser.error("--reference needs the photos of --data and cannot be combined with --film")
    if options.old and (options.data is None or options.film is not None):
        parser.error("--old needs the photos of --data and cannot be combined with --film")
    if options.bw is not None and options.out is None:
        parser.error("--bw needs --out for its contact sheet")
    return options


def _counts_of_hints(text):
    counts = [int(part) for part in text.split(",")]
    if not all(0 <= count <= _MOST_HINTS for count in counts):
        raise argparse.ArgumentTypeError(f"must be numbers from 0 to {_MOST_HINTS}, not {text}")
    return counts


_counts_of_hints.__name__ = "list of numbers"  # argparse names the type in its message
