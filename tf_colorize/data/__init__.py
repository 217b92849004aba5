"""Photos as `tf.data` data sets of (lightness, ab), from folders, TensorFlow Datasets or the sample."""

from tf_colorize import installation

with installation.explained():
    from tf_colorize.data.pipeline import image_dataset, training_batches
    from tf_colorize.data.selection import MIN_COLORFULNESS, Photos, find_photos, split

__all__ = ["MIN_COLORFULNESS", "Photos", "find_photos", "image_dataset", "split", "training_batches"]
