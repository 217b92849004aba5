"""The training recipe: its settings, start, stages, checkpoints and reports."""
