"""Photo files put together byte by byte, so that their content does not depend on a library."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

CAPTION = "Großmutter, 東京 1923".encode()
LATIN = "Großmutter".encode("latin-1") + b"\xff"
WIDE = "Größe".encode("utf-16-le") + b"\0\0"
COMMENT_LE = b"UNICODE\0" + "Äußerung".encode("utf-16-le")
COMMENT_BE = b"UNICODE\0" + "Äußerung".encode("utf-16-be")


def gray(height=48, width=64):
    rows, columns = np.mgrid[:height, :width]
    return Image.fromarray(((rows * 3 + columns * 2) % 256).astype(np.uint8))


def encoded(image, image_format, **parameters):
    file = io.BytesIO()
    image.save(file, image_format, **parameters)
    return file.getvalue()


def directory(order, entries, start, following=0):
    """Bytes of a TIFF directory at `start`; `entries` are `(tag, kind, count, bytes)`, values come behind it."""
    table, values, place = b"", b"", start + 2 + 12 * len(entries) + 4
    for tag, kind, count, value in sorted(entries):
        if len(value) > 4:
            values += b"\0" * (len(values) % 2)
            table += struct.pack(order + "HHII", tag, kind, count, place + len(values))
            values += value
        else:
            table += struct.pack(order + "HHI", tag, kind, count) + value.ljust(4, b"\0")
    return struct.pack(order + "H", len(entries)) + table + struct.pack(order + "I", following) + values


def maker_note(order, place):
    """A maker note that states its own position, like those of cameras: its third number is an offset in the block."""
    return b"CAMERA\0\0" + struct.pack(order + "I", place + 12) + b"the note's value"


def exif(order="<", orientation=1, thumbnail=b"", more=()):
    """An EXIF block with text of all kinds, a maker note, and perhaps a thumbnail, without prefix.

    With an orientation, Pillow writes other text into AVIF files: give None for those.
    """
    details_at, note_at = 1000, 1400
    note = maker_note(order, note_at)
    first = [
        (0x010E, 2, len(CAPTION) + 1, CAPTION + b"\0"),
        (0x013B, 2, len(LATIN) + 1, LATIN + b"\0"),
        *([(0x0112, 3, 1, struct.pack(order + "H", orientation))] if orientation else []),
        (0x9C9B, 1, len(WIDE), WIDE),
        (0x8769, 4, 1, struct.pack(order + "I", details_at)),
        *more,
    ]
    comment = COMMENT_LE if order == "<" else COMMENT_BE
    details = [
        (0x9286, 7, len(comment), comment),
        (0xA001, 3, 1, struct.pack(order + "H", 65535)),
        (0xA002, 3, 1, struct.pack(order + "H", 9999)),
        (0xA003, 4, 1, struct.pack(order + "I", 9999)),
    ]
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8)
    small_at = 1600
    block = (head + directory(order, first, 8, following=1500 if thumbnail else 0)).ljust(details_at, b"\0")
    # The maker note's entry is written by hand, because it must lie at its own place.
    entries = directory(order, [*details, (0x927C, 7, len(note), b"?" * len(note))], details_at)
    at = entries.index(struct.pack(order + "HHI", 0x927C, 7, len(note))) + 8
    entries = entries[:at] + struct.pack(order + "I", note_at) + entries[at + 4 :]
    block = (block + entries).ljust(note_at, b"\0") + note
    if thumbnail:
        second = [
            (0x0201, 4, 1, struct.pack(order + "I", small_at)),
            (0x0202, 4, 1, struct.pack(order + "I", len(thumbnail))),
        ]
        block = (block.ljust(1500, b"\0") + directory(order, second, 1500)).ljust(small_at, b"\0") + thumbnail
    return block


def segment(marker, data):
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def with_segments(jpeg, *segments):
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def segments_of(jpeg):
    """`[(marker, data)]` before the pixels."""
    found, position = [], 2
    while jpeg[position + 1] != 0xDA:
        length = int.from_bytes(jpeg[position + 2 : position + 4], "big")
        found.append((jpeg[position + 1], jpeg[position + 4 : position + 2 + length]))
        position += 2 + length
    return found


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunks(png, *chunks):
    """Inserts chunks after the header."""
    return png[:33] + b"".join(chunks) + png[33:]


def chunks_of(png):
    found, position = [], 8
    while position < len(png):
        length = int.from_bytes(png[position : position + 4], "big")
        found.append((png[position + 4 : position + 8], png[position + 8 : position + 8 + length]))
        position += 12 + length
    return found


def exif_of(data):
    """The EXIF block of a JPEG, PNG or WebP, found by hand."""
    if data.startswith(b"\xff\xd8"):
        return b"".join(part[6:] for marker, part in segments_of(data) if marker == 0xE1 and part.startswith(b"Exif"))
    if data.startswith(b"\x89PNG"):
        return dict(chunks_of(data)).get(b"eXIf", b"")
    position = 12
    while position < len(data):
        length = int.from_bytes(data[position + 4 : position + 8], "little")
        if data[position : position + 4] == b"EXIF":
            return data[position + 8 : position + 8 + length].removeprefix(b"Exif\0\0")
        position += 8 + length + length % 2
    return b""


def tags_of(block, offset=None):
    """`{tag: bytes}` of a directory of a TIFF or EXIF block, the first one by default."""
    order = {b"II": "<", b"MM": ">"}[block[:2]]
    sizes = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 10: 8, 12: 8}
    (start,) = struct.unpack_from(order + "I", block, 4) if offset is None else (offset,)
    (count,) = struct.unpack_from(order + "H", block, start)
    found = {}
    for at in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, number, place = struct.unpack_from(order + "HHII", block, at)
        length = sizes[kind] * number
        found[tag] = block[place : place + length] if length > 4 else block[at + 8 : at + 8 + length]
    return found


def details_of(block):
    order = {b"II": "<", b"MM": ">"}[block[:2]]
    return tags_of(block, struct.unpack(order + "I", tags_of(block)[0x8769])[0])


def resource(number, data):
    return b"8BIM" + struct.pack(">HHI", number, 0, len(data)) + data + bytes(len(data) % 2)


def iptc(caption=CAPTION):
    """IPTC data sets: a keyword and a caption."""
    return b"\x1c\x02\x19\0\x06family" + b"\x1c\x02\x78" + struct.pack(">H", len(caption)) + caption
