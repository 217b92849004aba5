"""Sends picture files to a colorizer on TF Serving and writes what comes back: photo.color.jpg or .png beside each.

Everything happens on the server; this needs no TensorFlow. For EXIF, colour profiles and formats other than
JPEG, PNG, BMP and GIF use `tf-colorize --model URL`, which asks the server for the chroma alone.
"""

import argparse
import os
import pathlib
import sys

from tf_colorize.inference import serving

EPILOG = """\
examples:
  python scripts/serve_client.py http://localhost:8501/v1/models/colorizer grandma.jpg
  python scripts/serve_client.py grpc://localhost:8500/colorizer scans/*.png --batch-size 4
"""


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url", help="http://host:8501/v1/models/NAME or grpc://host:8500/NAME")
    parser.add_argument("photos", nargs="+", type=pathlib.Path, help="JPEG, PNG, BMP or GIF files")
    parser.add_argument("--batch-size", type=int, default=1, help="files per request (default 1)")
    parser.add_argument("--timeout", type=float, default=30.0, help="seconds per request (default 30)")
    parser.add_argument("--overwrite", action="store_true", help="replace results that exist")
    options = parser.parse_args(argv)
    try:
        client = serving.Client(options.url, timeout=options.timeout)
    except ValueError as error:
        return complain(error)
    failed = 0
    for start in range(0, len(options.photos), max(1, options.batch_size)):
        photos = options.photos[start : start + max(1, options.batch_size)]
        try:
            colorize(client, photos, options.overwrite)
        except (ValueError, OSError) as error:
            failed |= complain(error)
    return failed


def colorize(client, photos, overwrite):
    """Colours one batch and writes each result, complete or not at all."""
    results = client.colorize_files([photo.read_bytes() for photo in photos])
    for photo, result in zip(photos, results):
        target = photo.with_suffix(".color.jpg" if result.startswith(b"\xff\xd8") else ".color.png")
        if target.exists() and not overwrite:
            raise FileExistsError(f"{target} exists; --overwrite replaces it")
        temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            temporary.write_bytes(result)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        print(target)


def complain(error):
    print(f"serve_client.py: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
