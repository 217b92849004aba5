"""Lists all subcommands of `tf-colorize`, each with a one-line description."""

from __future__ import annotations

COMMANDS = {
    "film": "colorize films, without flicker",
    "cluster": "colorize an archive of photos, in folders or buckets, on several machines",
    "serve": "colorize photos for other programs on this machine, over HTTP",
    "demo": "colorize photos in the browser, on this computer",
    "train": "train a model on your own photos, or fine-tune the shipped one",
    "evaluate": "measure models on color photos",
    "export": "export a trained model for servers (SavedModel), devices (TFLite) and other programs (ONNX)",
}
"""Maps the name of a file in `commands`, whose `main` runs the command, to its description; other arguments go to
`photos`."""


def listed() -> str:
    """Returns the list of commands for --help, one per line."""
    width = max(map(len, COMMANDS)) + 2
    lines = (f"  tf-colorize {name:<{width}}{purpose}\n" for name, purpose in COMMANDS.items())
    return f"commands, each with its own --help:\n{''.join(lines)}"
