"""Trains a colorizer: `python scripts/train.py --mode gan`; the same as `tf-colorize train`."""

from tf_colorize.commands.train import main

if __name__ == "__main__":
    raise SystemExit(main())
