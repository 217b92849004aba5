"""Runtimes for colorizing a photo: those of tf_colorize, and alternatives.

Each function imports its runtime with limited threads, and returns a function that loads a model file and returns a
`Loaded`.
"""

import typing

import numpy as np

from benchmarks import machine, siggraph17


class Loaded(typing.NamedTuple):
    """A loaded model.

    `colorize` maps the bytes of a file to uint8 RGB and `predict` runs only the network, once. `new_product` returns a
    function that multiplies two matrices of `machine.MATRIX_SIZE` in the data type of the network. `settle` is called
    after the first picture.
    """

    colorize: typing.Callable
    predict: typing.Callable
    new_product: typing.Callable
    settle: typing.Callable = lambda: None


def keras(threads):
    """Runs a `.keras` file."""
    _tensorflow(threads)
    from tf_colorize.inference import colorizer
    from tf_colorize.models import saving  # noqa: F401, because imports are timed apart from loading

    return lambda path, product: _own(colorizer.Colorizer.from_keras(path), _numpy_product)


def saved_model(threads):
    """Runs a SavedModel folder."""
    _tensorflow(threads)
    from tf_colorize.inference import colorizer

    return lambda path, product: _own(colorizer.Colorizer.from_saved_model(path), _numpy_product)


def tflite(threads):
    """Runs a `.tflite` file; `product` is a TFLite matrix product for models that compute in int8, otherwise None."""
    import ai_edge_litert.interpreter as litert

    from tf_colorize.inference import colorizer

    def load(path, product):
        def int8_product():
            interpreter = litert.Interpreter(model_path=product, num_threads=threads)
            interpreter.allocate_tensors()
            return interpreter.invoke

        loaded = colorizer.Colorizer.from_tflite(path, threads=threads)
        return _own(loaded, int8_product if product else _numpy_product)

    return load


def onnx(threads):
    """Runs an ONNX file with ONNX Runtime."""
    import onnxruntime  # noqa: F401, because imports are timed apart from loading

    from tf_colorize.inference import colorizer

    return lambda path, product: _own(colorizer.Colorizer.from_onnx(path, threads=threads), _numpy_product)


def opencv(threads):
    """Runs an ONNX file with OpenCV."""
    import cv2

    cv2.setNumThreads(threads)

    def load(path, product):
        network = cv2.dnn.readNetFromONNX(path)

        def predict(planes):
            network.setInput(planes)
            return network.forward()

        return _theirs(cv2, predict, _numpy_product)

    return load


def pytorch(threads, bfloat16=False):
    """Runs an `.npz` file of weights."""
    import cv2
    import torch

    from benchmarks import pytorch_siggraph17

    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    dtype = torch.bfloat16 if bfloat16 else torch.float32

    def load(path, product):
        with np.load(path) as weights:
            network = pytorch_siggraph17.Siggraph17(weights).eval().to(dtype)
        network.to(memory_format=torch.channels_last)

        @torch.inference_mode()
        def predict(planes):  # a single plane counts as either layout
            return network(torch.from_numpy(planes).to(dtype)).float().numpy()

        def settle():
            """Chooses the memory layout that is faster on this machine."""
            planes, taken = _planes(), {}
            for layout in (torch.contiguous_format, torch.channels_last):
                network.to(memory_format=layout)
                taken[layout] = min(machine.seconds(lambda: predict(planes), 2, warm_up=1))
            network.to(memory_format=min(taken, key=taken.get))

        def new_product():
            matrix = torch.randn(machine.MATRIX_SIZE, machine.MATRIX_SIZE).to(dtype)
            return lambda: matrix @ matrix

        return _theirs(cv2, predict, new_product, settle)

    return load


def pytorch_bfloat16(threads):
    """Runs an `.npz` file of weights, rounded."""
    return pytorch(threads, bfloat16=True)


def _tensorflow(threads):
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def _own(colorizer, new_product):
    side = colorizer.image_size
    square = np.random.default_rng(0).uniform(-1, 1, (1, side, side, 1)).astype(np.float32)
    return Loaded(colorizer, lambda: colorizer.predict_ab(square), new_product)


def _theirs(cv2, predict, new_product, settle=Loaded._field_defaults["settle"]):
    """Implements the steps and conversions of OpenCV's colorization example."""

    def colorize(data):
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        lab = cv2.cvtColor(bgr.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
        planes, size = _planes(), (siggraph17.IMAGE_SIZE, siggraph17.IMAGE_SIZE)
        planes[0, 0] = cv2.resize(lab[..., 0], size, interpolation=cv2.INTER_AREA) / 50 - 1
        ab = np.ascontiguousarray(predict(planes)[0].transpose(1, 2, 0)) * 110
        lab[..., 1:] = cv2.resize(ab, bgr.shape[1::-1])
        return (cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) * 255).clip(0, 255).astype(np.uint8)

    planes = np.random.default_rng(0).uniform(-1, 1, _planes().shape).astype(np.float32)
    return Loaded(colorize, lambda: predict(planes), new_product, settle)


def _planes():
    """Returns an empty input, float32 `(1, 4, 256, 256)`, for lightness and no hints."""
    return np.zeros((1, siggraph17.CHANNELS, siggraph17.IMAGE_SIZE, siggraph17.IMAGE_SIZE), np.float32)


def _numpy_product():
    matrix = np.random.default_rng(0).standard_normal((machine.MATRIX_SIZE, machine.MATRIX_SIZE), np.float32)
    return lambda: matrix @ matrix
