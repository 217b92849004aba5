"""More than one machine: an archive on one node of a Ray cluster and on two, training on one worker and on two."""

from benchmarks import scale_archives, scale_training

PARTS = {"archives": scale_archives, "training": scale_training}


def add_arguments(parser):
    parser.add_argument("part", choices=sorted(PARTS), help="what is measured")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each of those that are compared")
    parser.add_argument("--markdown", action="store_true", help="print the table as the manual has it")
    for part in PARTS.values():
        part.add_arguments(parser)


def run(arguments):
    if arguments.rounds < 1:
        raise ValueError(f"`--rounds` must be at least 1. Received: {arguments.rounds}")
    PARTS[arguments.part].run(arguments)
