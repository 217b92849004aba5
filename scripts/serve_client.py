"""Sends picture files to a colorizer on TF Serving and writes the results: photo.color.jpg or .png beside each.

The server does all the work, so this needs no TensorFlow. For hints, EXIF, color profiles and formats other than JPEG,
PNG, BMP and GIF, use `tf-colorize --model URL`, which gets only the chroma from the server.
"""

import pathlib
import re
import sys

from tf_colorize import whole
from tf_colorize.commands import parsing, streams
from tf_colorize.inference import serving
from tf_colorize.photos import find

EPILOG = """\
examples:
  python scripts/serve_client.py http://localhost:8501/v1/models/colorizer grandma.jpg
  python scripts/serve_client.py grpc://localhost:8500/colorizer scans/*.png --batch-size 4
"""
_POSITION = r"image 0 of the batch \(counted from 0; "


@streams.usable
def main(argv=None):
    parser = parsing.Parser(description=__doc__, epilog=EPILOG)
    parser.add_argument("url", help="http://host:8501/v1/models/NAME or grpc://host:8500/NAME; https and grpcs encrypt")
    parser.add_argument("photos", nargs="+", type=pathlib.Path, help="JPEG, PNG, BMP or GIF files")
    parser.add_argument("--batch-size", type=int, default=1, help="files per request (default 1)")
    parser.add_argument("--timeout", type=float, default=30.0, help="seconds per request (default 30)")
    parser.add_argument("--overwrite", action="store_true", help="replace existing results")
    options = parser.parse_args(argv)
    jobs, n_refused = accept(options.photos, options.overwrite)
    try:
        client = serving.Client(options.url, timeout=options.timeout)
    except ValueError as error:
        complain(error)
        return 1
    with client:
        size = max(1, options.batch_size)
        n_failed = sum(colorize(client, jobs[start : start + size]) for start in range(0, len(jobs), size))
    return 1 if n_refused + n_failed else 0


def accept(photos, overwrite):
    """Returns `(photo, target)` for each photo to send, and the number of rejected ones, which it reports."""
    targets, n_refused = {}, 0
    for photo in photos:
        try:
            with open(photo, "rb") as file:
                is_jpeg = file.read(2) == b"\xff\xd8"
            # The server returns JPEG for JPEG, otherwise PNG.
            stem, _ = find.split_suffix(photo.name)
            target = photo.with_name(stem + (".color.jpg" if is_jpeg else ".color.png"))
            if target in targets:
                raise FileExistsError(f"{target} is already the result of {targets[target]}")
            if target.exists() and not overwrite:
                raise FileExistsError(f"{target} exists; --overwrite replaces it")
            targets[target] = photo
        except OSError as error:
            complain(error)
            n_refused += 1
    return [(photo, target) for target, photo in targets.items()], n_refused


def colorize(client, batch):
    """Sends some photos in one request and writes the results; returns the number of failures."""
    try:
        results = client.colorize_files([photo.read_bytes() for photo, _ in batch])
    except (ValueError, OSError) as error:
        if len(batch) > 1:
            # One bad photo makes the whole request fail. Sent alone, the others succeed and the bad one is identified.
            return sum(colorize(client, [job]) for job in batch)
        # The name is more helpful than the position.
        complain(f"{batch[0][0]}: {re.sub(_POSITION, r'the file (', str(error))}")
        return 1
    return sum(not write(target, result) for (_, target), result in zip(batch, results))


def write(target, content):
    """Writes a file completely or not at all; returns whether it succeeded."""
    try:
        with whole.open_whole(target) as file:
            file.write(content)
    except OSError as error:
        complain(error)
        return False
    print(target, flush=True)
    return True


def complain(error):
    parsing.complain("serve_client.py", error)


if __name__ == "__main__":
    sys.exit(main())
