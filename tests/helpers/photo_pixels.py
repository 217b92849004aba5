"""Photos in memory: their bytes, their pixels, and one with every kind of metadata."""

import io

import numpy as np
from PIL import ExifTags, Image

from tf_colorize.photos import files

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description dc:title="Grandma"/></x:xmpmeta>'


def encoded(array_or_image, image_format, **parameters):
    image = array_or_image if isinstance(array_or_image, Image.Image) else Image.fromarray(array_or_image)
    file = io.BytesIO()
    image.save(file, image_format, **parameters)
    return file.getvalue()


def pixels(source, **options):
    return np.asarray(files.read(source, **options).image)


GRAY = np.arange(0, 256, 8, dtype=np.uint8)[np.newaxis].repeat(5, axis=0)

TRANSPARENT = np.dstack([GRAY, GRAY[:, ::-1], GRAY // 2, 255 - GRAY])


def with_metadata(color, image_format):
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Zeiss Ikon"
    exif[ExifTags.Base.ImageDescription] = "Grandma, 1931"
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.Exif).update(
        {
            ExifTags.Base.DateTimeOriginal: "1931:05:01 12:00:00",
            ExifTags.Base.ColorSpace: 65535,
            ExifTags.Base.ExifImageWidth: 120,
            ExifTags.Base.ExifImageHeight: 80,
        }
    )
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({ExifTags.GPS.GPSLatitudeRef: "N"})
    parameters = {"exif": exif.tobytes(), "xmp": XMP, "dpi": (300, 300)}
    if image_format == "TIFF":
        exif = Image.Exif()
        exif.load(parameters["exif"])
        exif[700] = parameters.pop("xmp")
        parameters["exif"] = exif
    if image_format == "PNG":
        from PIL import PngImagePlugin

        parameters["pnginfo"] = PngImagePlugin.PngInfo()
        parameters["pnginfo"].add_itxt("XML:com.adobe.xmp", XMP.decode())
    return encoded(color, image_format, **parameters)
