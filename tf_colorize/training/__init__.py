"""The training recipe: its configuration, start, stages, checkpoints and reports."""
