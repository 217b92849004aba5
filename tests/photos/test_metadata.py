"""A photo's metadata are in the result, byte for byte."""

import io
import shutil
import struct
import subprocess
import zlib

import photo_bytes as made
import pytest
from PIL import Image

from tf_colorize.photos import files

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>'
    + made.CAPTION
    + b"</dc:title>"
    b"</rdf:Description></rdf:RDF></x:xmpmeta>"
)
SUFFIXES = {"JPEG": "jpg", "PNG": "png", "TIFF": "tif", "WEBP": "webp", "AVIF": "avif", "HEIF": "heic"}


def result(data, image_format, folder):
    """`(bytes of the result, notes of reading, notes of writing)`."""
    if image_format == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    picture = files.read(data)
    path = folder / f"x.{SUFFIXES.get(image_format, image_format.lower())}"
    notes = files.save(picture.image.convert("RGB"), path, picture)
    return path.read_bytes(), picture.notes, notes


def photo(image_format, block, xmp=XMP, **parameters):
    if image_format == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    if image_format == "TIFF":  # whose tags are those of the block
        first = made.tags_of(block)
        tiff = made.encoded(made.gray(), "TIFF")
        order = {b"II": "<", b"MM": ">"}[block[:2]]
        assert order == "<"
        entries = [(0x010E, 2, len(first[0x010E]), first[0x010E]), (0x013B, 2, len(first[0x013B]), first[0x013B])]
        entries += [(0x9C9B, 1, len(first[0x9C9B]), first[0x9C9B]), (700, 1, len(xmp), xmp)]
        return tiff_with(tiff, [*entries, *parameters.get("more", ())], made.details_of(block))
    if image_format == "PNG":
        return made.with_chunks(
            made.encoded(made.gray(), "PNG"),
            made.chunk(b"eXIf", block),
            made.chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp),
        )
    image = made.gray().convert("L" if image_format == "JPEG" else "RGB")
    return made.encoded(image, image_format, exif=b"Exif\0\0" + block, xmp=xmp)


def tiff_with(tiff, entries, details=None):
    """A little-endian TIFF with more entries in its first directory, and one for EXIF's details."""
    tiff += b"\0" * (len(tiff) % 2)
    tail = b""
    if details:
        kinds = {0x9286: 7, 0x927C: 7, 0xA001: 3, 0xA002: 3, 0xA003: 4}
        found = [
            (tag, kinds[tag], len(value) // {7: 1, 3: 2, 4: 4}[kinds[tag]], value) for tag, value in details.items()
        ]
        entries = [*entries, (0x8769, 4, 1, struct.pack("<I", len(tiff)))]
        tail = made.directory("<", found, len(tiff))
        tail += b"\0" * (len(tail) % 2)
    (start,) = struct.unpack_from("<I", tiff, 4)
    (count,) = struct.unpack_from("<H", tiff, start)
    sizes = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1}
    for at in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, number, place = struct.unpack_from("<HHII", tiff, at)
        length = sizes[kind] * number
        value = tiff[place : place + length] if length > 4 else tiff[at + 8 : at + 8 + length]
        if tag not in {entry[0] for entry in entries}:
            entries = [*entries, (tag, kind, number, value)]
    first = len(tiff) + len(tail)
    return tiff[:4] + struct.pack("<I", first) + tiff[8:] + tail + made.directory("<", entries, first)


@pytest.mark.parametrize("target", SUFFIXES)
@pytest.mark.parametrize("source", SUFFIXES)
def test_text_of_any_encoding_keeps_its_bytes(source, target, tmp_path):
    data, *notes = result(photo(source, made.exif(orientation=None)), target, tmp_path)
    for text in (made.CAPTION + b"\0", made.LATIN + b"\0", made.WIDE, made.COMMENT_LE):
        assert text in data
    assert b"<dc:title>" + made.CAPTION in data and notes == [[], []]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_only_necessary_changes_are_made(order, image_format, tmp_path):
    small = made.encoded(Image.new("L", (16, 12)), "JPEG")
    before = made.exif(order, orientation=6, thumbnail=small)
    data, *_ = result(photo(image_format, before), image_format, tmp_path)
    after = made.exif_of(data)
    assert after == after.ljust(1600, b"\0")[: len(after)] and small[:20] not in data
    first, details = made.tags_of(after), made.details_of(after)
    assert first.keys() == made.tags_of(before).keys() - {0x0112}
    assert details[0xA001] == struct.pack(order + "H", 1)
    assert details[0xA002] == struct.pack(order + "H", 48) and details[0xA003] == struct.pack(order + "I", 64)
    place = after.index(b"CAMERA")
    assert after[place:].startswith(made.maker_note(order, place))  # what it says of its own place is true
    untouched = [tag for tag in details if tag not in (0xA001, 0xA002, 0xA003)]
    assert {tag: details[tag] for tag in untouched} == {tag: made.details_of(before)[tag] for tag in untouched}


def test_a_big_endian_block_gives_a_tiff_that_reads_the_same(tmp_path):
    data, *_ = result(photo("JPEG", made.exif(">", orientation=6)), "TIFF", tmp_path)
    assert data[:4] == b"MM\0*" and made.tags_of(data)[0x010E] == made.CAPTION + b"\0"
    assert made.details_of(data)[0x9286] == made.COMMENT_BE
    with Image.open(io.BytesIO(data)) as image:
        upright = made.gray().convert("RGB").transpose(Image.Transpose.ROTATE_270)
        assert image.size == (48, 64) and image.info["compression"] == "tiff_lzw"
        assert max(abs(a - b) for a, b in zip(image.convert("L").tobytes(), upright.convert("L").tobytes())) < 24


LARGE = (0x9C9C, 1, 70_000, b"k" * 70_000)


@pytest.mark.parametrize("source", ["PNG", "WEBP", "TIFF"])
def test_jpeg_keeps_the_part_of_large_exif_that_fits_and_reports_the_rest(source, tmp_path):
    block = made.exif(more=[]) + b"\0" * 1000
    if source == "TIFF":
        data = photo("TIFF", block, more=[LARGE])
    else:
        block = large_block()
        data = photo(source, block)
    data, _, notes = result(data, "JPEG", tmp_path)
    assert notes == ["JPEG holds 64 kB of EXIF: left out XPComment (70 kB)"]
    after = made.exif_of(data)
    assert len(after) < 65_530 and made.tags_of(after)[0x010E] == made.CAPTION + b"\0"
    if source != "TIFF":
        place = after.index(b"CAMERA")
        assert after[place:].startswith(made.maker_note("<", place)) and place == 1400


def large_block():
    """A block whose first directory moved behind 70 kB of a comment."""
    block = made.exif()
    first = made.tags_of(block)
    kinds = {0x010E: 2, 0x013B: 2, 0x0112: 3, 0x9C9B: 1, 0x8769: 4}
    unit = {2: 1, 3: 2, 1: 1, 4: 4}
    entries = [(tag, kinds[tag], len(value) // unit[kinds[tag]], value) for tag, value in first.items()]
    start = len(block) + len(block) % 2
    return (
        block[:4]
        + struct.pack("<I", start)
        + block[8:].ljust(start - 8, b"\0")
        + made.directory("<", [*entries, LARGE], start)
    )


@pytest.mark.parametrize("target", ["PNG", "TIFF", "WEBP", "AVIF", "HEIF"])
def test_other_formats_keep_exif_over_64_kb(target, tmp_path):
    data, _, notes = result(photo("PNG", large_block()), target, tmp_path)
    assert b"k" * 70_000 in data and notes == []


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("end", [10, 40, 1010, 1390])
def test_a_truncated_block_does_not_affect_other_metadata(image_format, end, tmp_path):
    if image_format == "TIFF":
        picture = files.read(tiff_with(made.encoded(made.gray(), "TIFF"), [(0x8769, 4, 1, struct.pack("<I", 10**6))]))
        assert picture.image.size == (64, 48)
        return
    data, *_ = result(photo(image_format, made.exif()[:end]), image_format, tmp_path)
    assert files.read(data).image.size == (64, 48)


def test_text_of_a_turned_avif_keeps_its_bytes(tmp_path):
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = made.CAPTION, 6  # bytes, which Pillow leaves as they are
    data, *_ = result(made.encoded(made.gray().convert("RGB"), "AVIF", exif=exif), "PNG", tmp_path)
    assert made.tags_of(made.exif_of(data)) == {0x010E: made.CAPTION + b"\0"} and files.read(data).image.size == (
        48,
        64,
    )


def bigtiff(entries, details):
    """A gray BigTIFF of 4 x 2 pixels; values of entries are bytes of 8 at most, or longer ones that come at the end."""

    def directory(entries, start):
        table, values, place = b"", b"", start + 8 + 20 * len(entries) + 8
        for tag, kind, count, value in sorted(entries):
            if len(value) > 8:
                value, values = struct.pack("<Q", place + len(values)), values + value
            table += struct.pack("<HHQ", tag, kind, count) + value.ljust(8, b"\0")
        return struct.pack("<Q", len(entries)) + table + bytes(8) + values

    second = directory(details, 32)
    first = 32 + len(second)
    short, long = "<H", "<I"
    pixels = [(256, 3, short, 4), (257, 3, short, 2), (258, 3, short, 8), (259, 3, short, 1), (262, 3, short, 1)]
    pixels += [(273, 4, long, 16), (277, 3, short, 1), (278, 3, short, 2), (279, 4, long, 8)]
    stored = [(tag, kind, 1, struct.pack(layout, value)) for tag, kind, layout, value in pixels]
    pointer = (0x8769, 18, 1, struct.pack("<Q", 32))
    head = b"II+\0" + struct.pack("<HHQ", 8, 0, first) + bytes(range(8)) + bytes(8)
    return head + second + directory([*stored, *entries, pointer], first)


def test_a_bigtiff_is_read(tmp_path):
    caption, comment = made.CAPTION + b"\0", made.COMMENT_LE
    details = [(0x9286, 7, len(comment), comment), (0x9201, 16, 1, bytes(8))]  # the latter is of BigTIFF alone
    source = bigtiff([(0x010E, 2, len(caption), caption)], details)
    block = made.exif_of(result(source, "JPEG", tmp_path)[0])
    assert made.tags_of(block)[0x010E] == caption and made.details_of(block) == {0x9286: comment}


needs_exiftool = pytest.mark.skipif(not shutil.which("exiftool"), reason="exiftool is another program")


UTF8 = ["-charset", "exif=UTF8", "-charset", "iptc=UTF8"]


@pytest.fixture(scope="module", params=["jpg", "png", "tif"])
def described(request, tmp_path_factory):
    """A photo that exiftool has given captions."""
    given = tmp_path_factory.mktemp("described") / f"given.{request.param}"
    made.gray().save(given)
    text = [
        "-ImageDescription=Großmutter",
        "-Copyright=© Museum",
        "-UserComment=Äußerung 東京",
        "-IPTC:Keywords=family",
    ]
    options = [*UTF8, "-codedcharacterset=utf8", "-IPTC:Caption-Abstract=Großmutter im Garten", "-overwrite_original"]
    subprocess.run(["exiftool", "-q", "-q", *options, *text, "-XPTitle=Größe", given], check=True)
    return given


@needs_exiftool
@pytest.mark.parametrize("target", SUFFIXES)
def test_exiftool_reads_the_same(described, target, tmp_path):
    data, *_ = result(described.read_bytes(), target, tmp_path)
    path = tmp_path / f"x.{SUFFIXES[target]}"
    names = ["-ImageDescription", "-EXIF:Copyright", "-UserComment", "-XPTitle", "-Keywords", "-Caption-Abstract"]
    found = subprocess.run(["exiftool", "-s3", *UTF8, *names, path], capture_output=True, text=True, check=True)
    captions = ["family", "Großmutter im Garten"] if target in ("JPEG", "PNG", "TIFF") else []
    assert found.stdout.split("\n")[:-1] == ["Großmutter", "© Museum", "Äußerung 東京", "Größe", *captions]


def test_a_decompression_bomb_in_text_is_not_fully_decompressed():
    text = b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n 9\n" + b"0" * (1 << 28))
    data = made.with_chunks(made.encoded(made.gray(), "PNG"), made.chunk(b"zTXt", text))
    try:
        assert files.read(data).image.size == (64, 48)
    except files.ImageError as error:  # Pillow has a limit of its own
        assert "ecompress" in str(error)


@pytest.mark.parametrize("given", [{}, {"dpi": (300, 150)}])
def test_a_tiff_has_the_resolution_of_its_photo_and_no_other(tmp_path, given):
    data, *_ = result(made.encoded(made.gray(), "TIFF", **given), "TIFF", tmp_path)
    with Image.open(io.BytesIO(data)) as image:
        assert (image.tag_v2.get(282), image.tag_v2.get(283)) == given.get("dpi", (None, None))
    if not given:  # nor in other formats
        picture = files.read(made.encoded(made.gray(), "TIFF"))
        files.save(picture.image.convert("RGB"), tmp_path / "x.png", picture)
        with Image.open(tmp_path / "x.png") as image:
            assert "dpi" not in image.info
