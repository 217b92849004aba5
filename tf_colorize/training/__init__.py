"""The training recipe: its configuration, start, stages, checkpoints and reports."""

from tf_colorize import installation

with installation.explained():
    import tensorflow  # noqa: F401  every file of the room needs it
