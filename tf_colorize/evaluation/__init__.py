"""Evaluates colorizers: figures on color photos, and reproducible reports."""

from tf_colorize import installation

with installation.explained():
    from tf_colorize.evaluation.comparison import Evaluation, evaluate, evaluate_colorizer
    from tf_colorize.evaluation.protocols import BASELINES, PROTOCOLS

__all__ = ["BASELINES", "PROTOCOLS", "Evaluation", "evaluate", "evaluate_colorizer"]
