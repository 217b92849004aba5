"""Turns ResNet18 weights with folded batch normalization into a Keras weights file.

The statistics for the normalization come from pictures like those that the encoder will see, so
the folder should be the one to train on. 384 of its pictures take half a minute on two cores.
"""

import argparse
import pathlib
import sys
import zipfile

import numpy as np

from tf_colorize.commands import quiet

with quiet.missing_packages("import_backbone.py"):
    import keras

    import tf_colorize.data
    from tf_colorize.models import backbone_weights, resnet18_unet

PICTURES = 384


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folded", required=True, help="npz file with torchvision's names")
    parser.add_argument("--photos", required=True, help="folder of photos, some hundred of them")
    parser.add_argument("--output", required=True, help="file to write, ending in .weights.h5")
    options = parser.parse_args(arguments)
    try:
        convert(options.folded, options.photos, options.output)
    except (OSError, ValueError) as error:
        print(f"import_backbone: {error}", file=sys.stderr)
        return 1
    print(f"wrote {options.output}")
    return 0


def convert(folded, photos, output):
    output = pathlib.Path(output)
    if not output.name.endswith(".weights.h5") or not output.parent.is_dir():
        raise ValueError(f"`--output` must end in '.weights.h5', in an existing folder. Received: {output}")
    try:
        with np.load(folded) as file:
            weights = dict(file)
    except (ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"`--folded` must be an npz file. Received: {folded}") from error
    network = resnet18_unet()
    # What the encoder sees in the colorizer, from the colorizer itself.
    encoder_input = keras.Model(network.input, network.get_layer("imagenet_scale").output)
    encoder = network.get_layer("resnet18")
    paths = tf_colorize.data.find_photos(photos).paths
    every = max(1, len(paths) // PICTURES)
    dataset = tf_colorize.data.image_dataset(paths[::every][:PICTURES], 256, 16)
    batches = (encoder_input(lightness) for lightness, _ in dataset)
    backbone_weights.load_folded(encoder, weights, batches)
    encoder.save_weights(output)


if __name__ == "__main__":
    sys.exit(main())
