"""Tries to break tf_colorize: `python scripts/trials.py photos --minutes 5`."""

import argparse
import os
import pathlib
import random
import signal
import sys
import tempfile

from tf_colorize.commands import quiet, streams

# The trials share small films, servers and networks with the tests.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "helpers"))

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

with quiet.missing_packages("trials.py"):
    from trials import cluster, films, kills, models, page, photos, properties, soak, trial, writes

TRIALS = {
    "photos": photos,
    "writes": writes,
    "kills": kills,
    "properties": properties,
    "films": films,
    "models": models,
    "cluster": cluster,
    "soak": soak,
    "page": page,
}


def _count(text):
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"must be at least 0. Received: {number}")
    return number


@streams.usable
@quiet.missing_packages("trials.py")
def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("name", choices=TRIALS, help="which trial")
    parser.add_argument("--minutes", type=float, default=1.0, metavar="M", help="duration in minutes (default: 1)")
    parser.add_argument("--seed", type=int, metavar="S", help="seed that reproduces the attempts (default: random)")
    parser.add_argument("--keep", metavar="DIR", help="folder for failures (default: a new temporary folder)")
    parser.add_argument("--first", type=_count, default=0, metavar="N", help="number of the first attempt")
    parser.add_argument("--most", type=_count, metavar="N", help="maximum number of attempts")
    parser.add_argument("--only", action="append", metavar="WHAT", help="only this part of the trial, such as film")
    arguments = parser.parse_args()
    running = trial.Trial(
        arguments.name,
        random.SystemRandom().randrange(2**31) if arguments.seed is None else arguments.seed,
        60 * arguments.minutes,
        pathlib.Path(arguments.keep or tempfile.mkdtemp(prefix="trials-")).absolute(),
        first=arguments.first,
        most=arguments.most,
        only=tuple(arguments.only or ()),
    )
    print(f"{running.name}: seed {running.seed}, failures in {running.keep}", flush=True)
    for number in (signal.SIGINT, signal.SIGTERM):  # in the background, shells ignore the first
        signal.signal(number, signal.default_int_handler)
    try:
        TRIALS[arguments.name].run(running)
    except trial.Impossible as error:
        parser.exit(1, f"trials {arguments.name}: {error}\n")
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr, flush=True)
    print(running.table())
    return 1 if running.failures else 0


if __name__ == "__main__":
    sys.exit(main())
