"""Sends picture files to a colorizer on TF Serving and writes what comes back: photo.color.jpg or .png beside each.

Everything happens on the server; this needs no TensorFlow. For EXIF, colour profiles and formats other than
JPEG, PNG, BMP and GIF use `tf-colorize --model URL`, which asks the server for the chroma alone.
"""

import argparse
import pathlib
import sys

from tf_colorize.inference import serving
from tf_colorize.photos import find, whole

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
    waiting = [photo for photo in options.photos if options.overwrite or not is_done(photo)]
    if len(waiting) < len(options.photos):
        print(f"{len(options.photos) - len(waiting)} photos are done already; --overwrite does them again")
    failed, size = 0, max(1, options.batch_size)
    for start in range(0, len(waiting), size):
        failed |= colorize(client, waiting[start : start + size])
    return failed


def targets_of(photo):
    """What a photo can become: the server answers a JPEG with a JPEG, all else with PNG."""
    return [photo.with_suffix(f"{find.RESULT_MARK}{suffix}") for suffix in (".jpg", ".png")]


def is_done(photo):
    return any(target.exists() for target in targets_of(photo))


def colorize(client, photos):
    """Colorizes one batch; where that fails, photo by photo. Returns 1 if any failed, otherwise 0."""
    contents, failed = {}, 0
    for photo in photos:
        try:
            contents[photo] = photo.read_bytes()
        except OSError as error:
            failed |= complain(f"{photo}: {error.strerror}")
    try:
        results = dict(zip(contents, client.colorize_files(list(contents.values())) if contents else []))
    except ValueError as error:
        if len(contents) == 1:
            return complain(f"{next(iter(contents))}: {error}")
        # One broken file fails a request: the others must not pay for it.
        return max(colorize(client, [photo]) for photo in contents) | failed
    for photo, result in results.items():
        target = targets_of(photo)[0 if result.startswith(b"\xff\xd8") else 1]
        try:
            with whole.open_whole(target) as file:
                file.write(result)
            print(target)
        except OSError as error:
            failed |= complain(f"{target}: {error.strerror}")
    return failed


def complain(error):
    print(f"serve_client.py: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
