"""Lab and sRGB: the only package with the constants of the color spaces."""

import importlib
import typing

if typing.TYPE_CHECKING:  # so that type checkers see the names that are loaded on first use
    from tf_colorize.color.tensors import lab_to_rgb as lab_to_rgb
    from tf_colorize.color.tensors import lightness_ab_to_rgb as lightness_ab_to_rgb
    from tf_colorize.color.tensors import lightness_ab_to_rgb8 as lightness_ab_to_rgb8
    from tf_colorize.color.tensors import rgb8_to_lightness as rgb8_to_lightness
    from tf_colorize.color.tensors import rgb_to_lab as rgb_to_lab
    from tf_colorize.color.tensors import rgb_to_lightness_ab as rgb_to_lightness_ab

_TENSOR_FUNCTIONS = (
    "lab_to_rgb",
    "lightness_ab_to_rgb",
    "lightness_ab_to_rgb8",
    "rgb8_to_lightness",
    "rgb_to_lab",
    "rgb_to_lightness_ab",
)

if not typing.TYPE_CHECKING:

    def __getattr__(name):
        # Needs TensorFlow, unlike `lab` and `profiles`.
        if name in _TENSOR_FUNCTIONS:
            return getattr(importlib.import_module("tf_colorize.color.tensors"), name)
        raise AttributeError(f"module 'tf_colorize.color' has no attribute '{name}'")
