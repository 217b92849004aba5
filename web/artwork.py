"""Writes the page's sample photos and icons into src/page: `python web/artwork.py`. Only for those who change them.

They are kept in the repository, so that building the page needs nothing but Node. This needs scikit-image.
"""

import pathlib

FOLDER = pathlib.Path(__file__).resolve().parent / "src" / "page"

# Public domain or CC0, as scikit-image's documentation of each photo says.
SAMPLES = ("chelsea", "coffee", "astronaut", "rocket", "camera")


def write_samples(folder):
    """Writes scikit-image's photos as gray JPEGs."""
    import skimage.data
    from PIL import Image

    folder.mkdir(exist_ok=True)
    for name in SAMPLES:
        photo = Image.fromarray(getattr(skimage.data, name)())
        photo.convert("L").save(folder / f"{name}.jpg", quality=90)


def write_icons(folder):
    """Draws icon.svg in the sizes that phones and desktops ask for."""
    folder.mkdir(exist_ok=True)
    icon(192).save(folder / "192.png")
    icon(512).save(folder / "512.png")
    # Systems cut these two into their own shape, up to a fifth from each side.
    icon(512, share=0.6, ground=True).save(folder / "maskable-512.png")
    icon(180, share=0.7, ground=True).save(folder / "apple-180.png")


def icon(size, share=1.0, ground=False):
    """Returns a disc, gray on its left and colored on its right side, as a PIL image."""
    import numpy as np
    from PIL import Image

    fine = 4 * size  # smooth edges
    rows, columns = (np.mgrid[:fine, :fine] + 0.5) / fine
    y, x = ((axis - 0.5) / share + 0.5 for axis in (rows, columns))
    gray = [[185, 185, 185], [74, 74, 74]]
    color = [[242, 180, 65], [224, 99, 63], [59, 79, 158]]
    picture = np.zeros((fine, fine, 4))
    down = (y * 64 - 4) / 56
    for is_here, stops in ((x < 0.5, gray), (x >= 0.5, color)):
        places = np.linspace(0, 1, len(stops))
        gradient = np.stack([np.interp(down, places, channel) for channel in np.transpose(stops)], axis=-1)
        picture[is_here, :3] = gradient[is_here]
    picture[..., 3] = 255 * (np.hypot(x - 0.5, y - 0.5) <= 28 / 64)
    image = Image.fromarray(picture.astype(np.uint8)).resize((size, size), Image.Resampling.BOX)
    if not ground:
        return image
    plain = Image.new("RGBA", image.size, "#f7f6f3")
    plain.alpha_composite(image)
    return plain.convert("RGB")


def main():
    write_samples(FOLDER / "samples")
    write_icons(FOLDER / "icons")


if __name__ == "__main__":
    main()
