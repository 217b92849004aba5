"""Trained generators as a SavedModel for TF Serving, and as TFLite and ONNX files, each checked against Keras."""

from tf_colorize import installation

with installation.explained():
    from tf_colorize.export.onnx import export_onnx, export_onnx_picture
    from tf_colorize.export.saved_model import export_saved_model
    from tf_colorize.export.tflite import export_tflite

__all__ = ["export_onnx", "export_onnx_picture", "export_saved_model", "export_tflite"]
