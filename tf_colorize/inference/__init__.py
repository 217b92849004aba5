"""Colorizes photos: `Colorizer`, the runtimes behind it and the client for TF Serving."""
