"""From a photo to the same photo in color: `Colorizer`, the runtimes behind it and the client of TF Serving."""
