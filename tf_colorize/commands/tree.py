"""The commands there are: `tf-colorize NAME`, a line each."""

from __future__ import annotations

COMMANDS = {
    "film": "color films, in steady color",
    "cluster": "color an archive of photos, in folders or buckets, on several machines",
    "serve": "color photos for other programs on this machine, over HTTP",
    "demo": "color photos in the browser, on this computer",
    "train": "train a model on photos of your own, or train the shipped one further",
    "evaluate": "measure models on photos whose colors are known",
    "export": "write a trained model for TF Serving (SavedModel) and for devices (TFLite)",
}
"""Name of a file in `commands`, whose `main` runs the command, to what it does; the rest is for `photos`."""


def listed() -> str:
    """Returns the commands for people, a line each."""
    width = max(map(len, COMMANDS)) + 2
    lines = (f"  tf-colorize {name:<{width}}{purpose}\n" for name, purpose in COMMANDS.items())
    return f"commands, each with a --help of its own:\n{''.join(lines)}"
