"""One process of `benchmark.py film`: the command, then its peak memory as JSON on the last line."""

import json
import sys

from benchmarks import memory
from tf_colorize.commands import film


def main():
    code = film.main(sys.argv[1:])
    print(json.dumps({"memory": memory.peak()}))
    sys.exit(code)


if __name__ == "__main__":
    main()
