"""Exports a generator: `python scripts/export.py --model RUN --tflite FILE`; the same as `tf-colorize export`."""

from tf_colorize.commands.export import main

if __name__ == "__main__":
    raise SystemExit(main())
