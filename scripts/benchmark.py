"""Measures parts of tf_colorize: `python scripts/benchmark.py data --help`."""

import argparse

from tf_colorize.commands import quiet, streams

with quiet.missing_packages("benchmark.py"):
    from benchmarks import colorize, data, film, scale, serving, train

BENCHMARKS = {"colorize": colorize, "data": data, "film": film, "scale": scale, "serving": serving, "train": train}


class Help(argparse.ArgumentDefaultsHelpFormatter):
    """Adds the defaults that are not empty and not already in the text."""

    def _get_help_string(self, action):
        is_said = "(default" in action.help or not action.default
        return action.help if is_said else super()._get_help_string(action)


@streams.usable
@quiet.missing_packages("benchmark.py")
def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, module in BENCHMARKS.items():
        summary = module.__doc__.splitlines()[0]
        command = commands.add_parser(name, help=summary, description=summary, formatter_class=Help, allow_abbrev=False)
        module.add_arguments(command)
    arguments = parser.parse_args()
    try:
        BENCHMARKS[arguments.command].run(arguments)
    except ValueError as error:
        parser.exit(1, f"benchmark {arguments.command}: {error}\n")


if __name__ == "__main__":
    main()
