"""Measures scaling: an archive on one and two nodes of a Ray cluster, training on one and two workers."""

from benchmarks import scale_archives, scale_training

PARTS = {"archives": scale_archives, "training": scale_training}


def add_arguments(parser):
    parser.add_argument("part", choices=sorted(PARTS), help="what to measure")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each setup")
    parser.add_argument("--markdown", action="store_true", help="print the table in Markdown, as in the manual")
    for part in PARTS.values():
        part.add_arguments(parser)


def run(arguments):
    if arguments.rounds < 1:
        raise ValueError(f"`--rounds` must be at least 1. Received: {arguments.rounds}")
    PARTS[arguments.part].run(arguments)
