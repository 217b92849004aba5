"""Lab and sRGB: the only room that knows the numbers of the color spaces."""

import importlib

_TENSOR_FUNCTIONS = (
    "lab_to_rgb",
    "lightness_ab_to_rgb",
    "lightness_ab_to_rgb8",
    "rgb8_to_lightness",
    "rgb_to_lab",
    "rgb_to_lightness_ab",
)


def __getattr__(name):
    # Needs TensorFlow, unlike `lab` and `profiles`.
    if name in _TENSOR_FUNCTIONS:
        return getattr(importlib.import_module("tf_colorize.color.tensors"), name)
    raise AttributeError(f"module 'tf_colorize.color' has no attribute '{name}'")
