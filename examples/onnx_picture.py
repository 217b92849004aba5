"""Colors a photo with the ONNX file of the whole picture, ONNX Runtime and Pillow.

pip install onnxruntime pillow numpy
python onnx_picture.py colorizer-picture.onnx gray.jpg color.jpg
"""

import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

model, source, target = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
photo = ImageOps.exif_transpose(Image.open(source)).convert("RGB")
(color,) = session.run(["color"], {"image": np.asarray(photo)[np.newaxis]})  # uint8 (1, height, width, 3), sRGB
Image.fromarray(color[0]).save(target, quality=95)
