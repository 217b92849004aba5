"""Colorizes a picture with colorizer.tflite, NumPy and Pillow: the exact steps, to translate into other languages.

python examples/tflite_without_tf_colorize.py saved_models/colorizer.tflite gray.png color.png
"""

import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

model, source, target = sys.argv[1:]

# 1. sRGB bytes to linear light, to luminance Y, to lightness L*.
rgb = np.asarray(Image.open(source).convert("RGB")) / 255
linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
Y = linear @ [0.212671, 0.715160, 0.072169]
L = np.where(Y > 0.008856, 116 * np.cbrt(Y) - 16, 903.292 * Y)

# 2. The network: L*/50 - 1, resized with antialiasing (a triangle filter), to a*/110 and b*/110.
# A file for several sizes has a function for each: the largest that enlarges nothing sees the picture.
network, (height, width) = Interpreter(model), L.shape
functions = [network.get_signature_runner(name) for name in network.get_signature_list()]
sides = {function.get_input_details()["lightness"]["shape"][1]: function for function in functions}
size = max([min(sides), *(side for side in sides if side**2 <= width * height)])
small = Image.fromarray((L / 50 - 1).astype(np.float32)).resize((size, size), Image.Resampling.BILINEAR)
given = {"lightness": np.asarray(small)[None, :, :, None]}
if "hints" in sides[size].get_input_details():  # a model that takes hints: none
    given["hints"] = np.zeros((1, size, size, 3), np.float32)
ab = sides[size](**given)["ab"][0]
a, b = (
    np.asarray(Image.fromarray(ab[..., channel].copy()).resize((width, height), Image.Resampling.BILINEAR)) * 110
    for channel in (0, 1)
)

# 3. The picture's own L* with a* and b* to linear light (CIE Lab, D65).
y = (L + 16) / 116
f = np.stack([y + a / 500, y, y - b / 200], axis=-1)
xyz = np.where(f > 0.2068966, f**3, (f - 16 / 116) / 7.787) * [0.95047, 1, 1.08883]
to_xyz = [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
linear = xyz @ np.linalg.inv(to_xyz).T

# 4. Colors that sRGB does not have: mixed with the gray of their luminance until they fit; then to bytes.
Y, chroma = Y[..., None], linear - Y[..., None]
room = np.minimum(
    (1 - Y) / np.maximum(chroma.max(-1, keepdims=True), 1e-9), Y / np.maximum(-chroma.min(-1, keepdims=True), 1e-9)
)
linear = np.clip(Y + chroma * np.clip(room, 0, 1), 0, 1)
rgb = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, linear * 12.92)
Image.fromarray(np.rint(rgb * 255).astype(np.uint8)).save(target)
