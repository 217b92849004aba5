"""Measures colorizers: `python scripts/evaluate.py --model MODEL --data DIR`; the same as `tf-colorize evaluate`."""

from tf_colorize.commands.evaluate import main

if __name__ == "__main__":
    raise SystemExit(main())
