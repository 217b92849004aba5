"""Draws the pictures of the manual and the model card from photos included in packages, before and after.

The Python packages are those of the extra "gallery". The old photos are in the Debian packages visp-images-data and
texlive-publishers-doc.
"""

import argparse
import pathlib
import sys

import numpy as np

from tf_colorize import whole
from tf_colorize.commands import quiet, streams

# From scikit-image; public domain or CC0, according to its documentation of each photo.
PHOTOS = ("chelsea", "coffee", "rocket")
GRAY_PHOTOS = ("camera", "grass", "brick")
# Both in the public domain: the Fifth Solvay Conference in Brussels, 1927, by Benjamin Couprie (1868-1940), and a
# Kodachrome of a street in Natchez, Mississippi, 1940, by Marion Post Wolcott for the Farm Security Administration
# of the US government (Library of Congress, loc.gov/item/2017877479).
OLD_PHOTOS = (
    "/usr/share/visp-images-data/ViSP-images/Solvay/Solvay_conference_1927_Version2_2126x1463.jpg",
    "/usr/share/doc/texlive-doc/latex/hagenberg-thesis/examples/HgbArticle/images/cola-public-domain-photo-p.jpg",
)


@streams.usable
@quiet.missing_packages("gallery.py")
def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter, allow_abbrev=False
    )
    parser.add_argument(
        "--model", default="saved_models/colorizer.tflite", help="any model that tf-colorize --model accepts"
    )
    parser.add_argument("--out", metavar="DIR", default="saved_models/gallery", help="folder to write into")
    parser.add_argument("--height", type=int, default=240, help="height of each picture in pixels")
    arguments = parser.parse_args(argv)
    try:
        draw(arguments.model, pathlib.Path(arguments.out), arguments.height)
    except (ValueError, OSError) as error:
        print(f"gallery.py: error: {error}", file=sys.stderr)
        return 1
    return 0


def draw(model, folder, height):
    """Writes `people.jpg` and `photos.jpg` (gray, colorized, original), and four more sheets, if it has the photos."""
    import skimage.data

    import tf_colorize
    from tf_colorize.evaluation import protocols
    from tf_colorize.photos import contact_sheet

    colorizer = tf_colorize.Colorizer.load(model)

    def before_and_after(photos):
        gray = [protocols.without_color(photo) for photo in photos]
        return {"gray": gray, "tf_colorize": [colorizer(photo) for photo in gray], "original": photos}

    gray_photos = [np.repeat(getattr(skimage.data, name)()[..., np.newaxis], 3, axis=-1) for name in GRAY_PHOTOS]
    sheets = {
        "people.jpg": before_and_after(people_and_places()),
        "photos.jpg": before_and_after([getattr(skimage.data, name)()[..., :3] for name in PHOTOS]),
        "gray_photos.jpg": {"gray": gray_photos, "tf_colorize": [colorizer(photo) for photo in gray_photos]},
        "film.jpg": film_strip(colorizer),
        "hints.jpg": with_hints(colorizer, skimage.data.astronaut()),
    }
    images = {name: contact_sheet.contact_sheet(columns, height) for name, columns in sheets.items()}
    if all(pathlib.Path(path).exists() for path in OLD_PHOTOS):
        images["old_photos.jpg"] = contact_sheet.labeled(old_photos(colorizer))
    else:
        print("gallery.py: old_photos.jpg needs the Debian packages visp-images-data and texlive-publishers-doc")
    for name, image in images.items():
        with whole.open_whole(folder / name) as file:
            image.save(file, "JPEG", quality=88)
        print(folder / name)


def people_and_places():
    """Returns photos of equal shape: Grace Hopper and Eileen Collins (public domain), the Summer Palace (CC BY 2.0)."""
    import matplotlib.cbook
    import skimage.data
    import sklearn.datasets
    from PIL import Image

    hopper = Image.open(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)).convert("RGB")
    palace = sklearn.datasets.load_sample_image("china.jpg")
    return [np.asarray(hopper)[:512], skimage.data.astronaut(), palace[:, 40:467]]


def with_hints(colorizer, photo):
    """Returns columns of one photo, with hints on a suit and a tank: Eileen Collins (public domain), whose suit is
    orange."""
    from tf_colorize.evaluation import protocols

    gray = protocols.without_color(photo)
    suit = [(250, 330), (140, 440)]
    return {
        "gray": [gray],
        "without hints": [colorizer(gray)],
        "2 hints, navy": [colorizer(gray, hints=[(x, y, "navy") for x, y in suit])],
        "2 darkgreen, 1 gold": [colorizer(gray, hints=[*((x, y, "darkgreen") for x, y in suit), (420, 120, "gold")])],
    }


def old_photos(colorizer, size=(480, 330)):
    """Returns rows of labeled pictures: an old photo, whole and cropped, and a street beside its true colors."""
    from PIL import Image, ImageOps

    from tf_colorize.evaluation import protocols

    def shown(photo):
        return np.asarray(ImageOps.fit(Image.fromarray(photo), size, Image.Resampling.LANCZOS))

    group, street = (np.asarray(Image.open(path).convert("RGB")) for path in OLD_PHOTOS)
    street = street[22:455, 24:662]  # without the frame of the slide
    street_gray = protocols.without_color(street)
    return [
        [
            ("Brussels, 1927", shown(group)),
            ("tf_colorize", shown(colorizer(group))),
            ("its middle, cropped, then colorized", shown(colorizer(group[700:1250, 615:1415]))),
        ],
        [
            ("Natchez, 1940, without its color", shown(street_gray)),
            ("tf_colorize", shown(colorizer(street_gray))),
            ("the slide itself", shown(street)),
        ],
    ]


def film_strip(colorizer, n_shown=5):
    """Returns frames of a film in which the camera approaches an astronaut, gray and colorized, by their times."""
    import skimage.data
    import skimage.transform

    from tf_colorize.evaluation import clips, protocols, steadiness

    photo = skimage.transform.rescale(skimage.data.astronaut()[:320, 60:380], 0.8, channel_axis=2, preserve_range=True)
    photo = photo.round().astype(np.uint8)
    clip = clips.make("zoom", photo, photo, n_frames=50)
    steadied = steadiness.compare(colorizer, [clip])["steadied"][0]
    shown = range(0, len(clip.frames), len(clip.frames) // n_shown)
    return {f"{index / 25:.1f} s": [protocols.without_color(clip.frames[index]), steadied[index]] for index in shown}


if __name__ == "__main__":
    sys.exit(main())
