"""IPTC captions, comments, PNG's text and XMP go into the result as far as its format holds them."""

import hashlib
import struct
import zlib

import photo_bytes as made
import pytest

from tf_colorize.photos import containers, files, tiff_tags, xmp

RDF = b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
IPTC = made.iptc()
RESOURCES = made.resource(0x0404, IPTC) + made.resource(0x040A, b"\1") + made.resource(0x040C, b"\xff\xd8thumbnail")


def packet(inside):
    return b'<x:xmpmeta xmlns:x="adobe:ns:meta/">' + RDF + inside + b"</rdf:RDF></x:xmpmeta>"


def description(properties):
    return packet(b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" ' + properties + b"/>")


def result(data, suffix, folder):
    """`(bytes of the result, notes of reading, notes of writing)`."""
    picture = files.read(data)
    notes = files.save(picture.image.convert("RGB"), folder / f"x.{suffix}", picture)
    return (folder / f"x.{suffix}").read_bytes(), picture.notes, notes


def jpeg(*segments):
    return made.with_segments(made.encoded(made.gray(), "JPEG"), *segments)


def png(*chunks):
    return made.with_chunks(made.encoded(made.gray(), "PNG"), *(made.chunk(*part) for part in chunks))


def photoshop_segments(data):
    return b"".join(part[14:] for marker, part in made.segments_of(data) if marker == 0xED)


def raw_profile(data):
    texts = [
        part for kind, part in made.chunks_of(data) if kind == b"zTXt" and part.startswith(b"Raw profile type iptc")
    ]
    head, digits = zlib.decompress(texts[0].split(b"\0\0", 1)[1]).split(b"\n", 3)[2:]
    block = bytes.fromhex(digits.decode())
    assert int(head) == len(block)
    return block


@pytest.mark.parametrize("source", ["jpg", "png", "tif"])
def test_iptc_captions_are_carried(source, tmp_path):
    if source == "jpg":
        data = jpeg(made.segment(0xED, b"Photoshop 3.0\0" + RESOURCES))
    else:
        jpeg_data = jpeg(made.segment(0xED, b"Photoshop 3.0\0" + RESOURCES))
        data = result(jpeg_data, source, tmp_path)[0]
    kept = made.resource(0x0404, IPTC) + made.resource(0x040A, b"\1")  # the thumbnail shows the photo in gray
    assert photoshop_segments(result(data, "jpg", tmp_path)[0]) == kept
    assert raw_profile(result(data, "png", tmp_path)[0]) == kept
    tags = made.tags_of(result(data, "tif", tmp_path)[0])
    assert tags[33723] == IPTC and tags[34377] == kept
    for suffix, name in (("webp", "WebP"), ("avif", "AVIF"), ("gif", "GIF"), ("bmp", "BMP")):
        data_without, _, notes = result(data, suffix, tmp_path)
        lost = "IPTC captions, copyright flag or address of Photoshop"
        assert notes == [f"{name} cannot hold the photo's {lost}: left out"] and made.CAPTION not in data_without


@pytest.mark.parametrize("suffix", ["webp", "avif", "gif", "bmp"])
@pytest.mark.parametrize(
    "resource, is_said",
    [((0x040A, b"\1"), True), ((0x040A, b"\0"), False), ((0x040B, b"http://x"), True), ((0x0425, b"d" * 16), False)],
)
def test_what_photoshop_says_about_copyright_is_not_lost_without_a_word(resource, is_said, suffix, tmp_path):
    notes = result(jpeg(made.segment(0xED, b"Photoshop 3.0\0" + made.resource(*resource))), suffix, tmp_path)[2]
    assert any("copyright flag or address of Photoshop: left out" in note for note in notes) == is_said
    assert len(notes) == is_said


def test_captions_of_more_than_one_segment(tmp_path):
    long = made.resource(0x0404, made.iptc(b"x" * 40_000) + made.iptc(b"y" * 40_000))
    parts = [made.segment(0xED, b"Photoshop 3.0\0" + part) for part in (long[:60_000], long[60_000:])]
    data, *notes = result(jpeg(*parts), "jpg", tmp_path)
    assert photoshop_segments(data) == long and notes == [[], []]


def test_captions_that_a_program_wrote_as_numbers_of_the_other_byte_order(tmp_path):
    from tf_colorize.photos import captions

    turned = b"".join(IPTC.ljust(len(IPTC) + -len(IPTC) % 4, b"\0")[at : at + 4][::-1] for at in range(0, len(IPTC), 4))
    assert captions.of_tiff(turned).rstrip(b"\0") == IPTC and captions.of_tiff(IPTC) == IPTC


@pytest.mark.parametrize("length", range(0, len(RESOURCES), 7))
def test_broken_resources_do_not_affect_other_metadata(length):
    picture = files.read(jpeg(made.segment(0xED, b"Photoshop 3.0\0" + RESOURCES[:length])))
    assert picture.image.size == (64, 48)


def test_comments_are_carried(tmp_path):
    comments = [made.CAPTION, made.LATIN, b"plain"]
    data = jpeg(*(made.segment(0xFE, comment) for comment in comments))
    kept = [part for marker, part in made.segments_of(result(data, "jpg", tmp_path)[0]) if marker == 0xFE]
    assert kept == comments
    texts = [part for part in made.chunks_of(result(data, "png", tmp_path)[0]) if part[0] in (b"tEXt", b"iTXt")]
    assert texts == [
        (b"iTXt", b"Comment\0\0\0\0\0" + made.CAPTION),
        (b"tEXt", b"Comment\0" + made.LATIN),
        (b"tEXt", b"Comment\0plain"),
    ]
    assert b"plain" in result(data, "gif", tmp_path)[0]
    for suffix, name in (("tif", "TIFF"), ("webp", "WebP"), ("bmp", "BMP")):
        assert result(data, suffix, tmp_path)[2] == [f"{name} cannot hold the photo's comment: left out"]
    gif = made.encoded(made.gray().convert("P"), "GIF", comment=made.CAPTION)
    assert made.CAPTION in result(gif, "gif", tmp_path)[0]
    assert (0xFE, made.CAPTION) in made.segments_of(result(gif, "jpg", tmp_path)[0])


@pytest.mark.parametrize("order", ["le", "be"])
def test_a_comment_in_utf_16_keeps_its_letters_in_a_png(order, tmp_path):
    comment = "\ufeffGroßmutter, 東京".encode(f"utf-16-{order}")
    source = made.with_segments(made.encoded(made.gray(), "JPEG"), made.segment(0xFE, comment))
    picture = files.read(source)
    files.save(picture.image, tmp_path / "x.png", picture)
    chunks = list(made.chunks_of((tmp_path / "x.png").read_bytes()))
    assert (b"iTXt", b"Comment\0\0\0\0\0" + "Großmutter, 東京".encode()) in chunks


def test_text_of_a_png_is_carried(tmp_path):
    texts = [
        (b"tEXt", b"Title\0Gro\xdfmutter"),
        (b"zTXt", b"Description\0\0" + zlib.compress(b"packed")),
        (b"iTXt", b"Author\0\1\0de\0Autor\0" + zlib.compress(made.CAPTION)),
        (b"tEXt", b"Comment\0a comment"),
    ]
    data = png(*texts)
    assert [
        part for part in made.chunks_of(result(data, "png", tmp_path)[0]) if part[0][1:] in (b"EXt", b"TXt")
    ] == texts
    kept = [part for marker, part in made.segments_of(result(data, "jpg", tmp_path)[0]) if marker == 0xFE]
    assert kept == ["Title: Großmutter".encode(), b"Description: packed", b"Author: " + made.CAPTION, b"a comment"]
    assert result(data, "tif", tmp_path)[2] == ["TIFF cannot hold the photo's text: left out"]
    behind = data[:-12] + made.chunk(b"tEXt", b"Source\0behind the pixels") + data[-12:]
    assert b"behind the pixels" in result(behind, "png", tmp_path)[0]


def test_profiles_in_png_text_are_decoded(tmp_path):
    def profile(name, data):
        text = f"\n{name}\n{len(data):8}\n{data.hex()}\n".encode()
        return b"zTXt", f"Raw profile type {name}".encode() + b"\0\0" + zlib.compress(text)

    data = png(profile("exif", b"Exif\0\0" + made.exif(orientation=6)), profile("8bim", RESOURCES))
    picture = files.read(data)
    assert picture.image.size == (48, 64)
    saved, *_ = result(data, "png", tmp_path)
    assert b"Raw profile type exif" not in saved and made.CAPTION in made.exif_of(saved)
    assert made.CAPTION in photoshop_segments(result(data, "jpg", tmp_path)[0])
    assert files.read(png(profile("APP1", b"Exif\0\0" + made.exif(orientation=8)))).image.size == (48, 64)


def extended(extension, step=65_400):
    name = hashlib.md5(extension).hexdigest().upper().encode()
    parts = range(0, len(extension), step)
    return name, [
        b"http://ns.adobe.com/xmp/extension/\0"
        + name
        + struct.pack(">II", len(extension), at)
        + extension[at : at + step]
        for at in parts
    ]


def test_xmp_of_two_parts_stays_in_two_parts_only_in_jpeg(tmp_path):
    extension = description(b'dc:rights="' + b"r" * 150_000 + b'"')
    name, parts = extended(extension)
    note = b'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="' + name + b'" dc:title="first"'
    first = description(note)
    data = jpeg(*(made.segment(0xE1, part) for part in (b"http://ns.adobe.com/xap/1.0/\0" + first, *parts)))
    saved, *notes = result(data, "jpg", tmp_path)
    assert [part for marker, part in made.segments_of(saved) if marker == 0xE1][1:] == parts and notes == [[], []]
    for suffix in ("png", "tif", "webp", "avif"):
        saved, *notes = result(data, suffix, tmp_path)
        assert b"r" * 150_000 in saved and b'dc:title="first"' in saved and b"HasExtendedXMP" not in saved
        assert notes == [[], []]


@pytest.mark.parametrize("packets", [1, 2])
def test_xmp_of_a_gif_is_carried_or_named(packets, tmp_path):
    text = description(b'dc:format="image/gif" dc:source="Gro\xc3\x9fmutter"')
    gif = bytearray(made.encoded(made.gray(), "GIF", comment=b"before"))
    place = gif.index(b"\x21\xfe")  # its comment
    # The trailer of Adobe's XMP specification, part 3: 258 bytes.
    block = b"\x21\xff\x0bXMP DataXMP" + text + bytes([1, *range(255, -1, -1), 0])
    gif[place:place] = b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00" + block * packets
    data, _, notes = result(bytes(gif), "jpg", tmp_path)
    assert text in data and b"before" in data and not notes
    assert result(bytes(gif), "gif", tmp_path)[2] == ["GIF cannot hold the photo's XMP: left out"]
    for end in (0, 10, 13, place + 40, place + 100, len(gif) // 2):
        assert containers.xmp_of_gif(tiff_tags.of_bytes(gif[:end])) in (b"", text)


def test_large_xmp_goes_into_a_jpeg_in_two_parts(tmp_path):
    whole = description(b'dc:rights="' + b"r" * 150_000 + b'"')
    saved, *notes = result(png((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + whole)), "jpg", tmp_path)
    first, *parts = [part for marker, part in made.segments_of(saved) if marker == 0xE1]
    name, expected = extended(whole)
    assert name in first and parts == expected and notes == [[], []]


def test_properties_that_are_wrong_for_the_result_are_removed_from_the_xmp(tmp_path):
    old = (
        b'xmlns:t="http://ns.adobe.com/tiff/1.0/" xmlns:e="http://ns.adobe.com/exif/1.0/" t:Orientation="6" '
        b'xmlns:xmp="http://ns.adobe.com/xap/1.0/" e:ColorSpace="65535" t:Make="Zeiss" dc:title="kept"'
    )
    thumbnails = b"<xmp:Thumbnails><rdf:Alt><rdf:li/></rdf:Alt></xmp:Thumbnails><t:ImageWidth>9</t:ImageWidth>"
    text = packet(b'<rdf:Description rdf:about="" xmlns:dc="dc" ' + old + b">" + thumbnails + b"</rdf:Description>")
    saved, *_ = result(jpeg(made.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + text)), "jpg", tmp_path)
    for gone in (b"Orientation", b"ColorSpace", b"Thumbnails", b"ImageWidth"):
        assert gone not in saved
    assert b't:Make="Zeiss" dc:title="kept"' in saved


CAMERA = b'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" '
CONTAINER = (
    b'<C:Directory xmlns:C="http://ns.google.com/photos/1.0/container/" '
    b'xmlns:I="http://ns.google.com/photos/1.0/container/item/"><rdf:Seq>'
    b'<rdf:li rdf:parseType="Resource"><C:Item I:Mime="image/jpeg" I:Semantic="Primary"/></rdf:li>'
    b'<rdf:li rdf:parseType="Resource"><C:Item I:Mime="video/mp4" I:Semantic="%s" I:Length="4988"/></rdf:li>'
    b"</rdf:Seq></C:Directory>"
)
VIDEO, MAP = ["the video of the motion photo is left out"], ["the HDR gain map is left out"]


@pytest.mark.parametrize(
    "properties, inside, notes",
    [
        (CAMERA + b'GCamera:MotionPhoto="1" GCamera:MotionPhotoVersion="1"', b"", VIDEO),
        (CAMERA.replace(b"GCamera", b"cam") + b"cam:MicroVideo='1' cam:MicroVideoOffset='5000'", b"", VIDEO),
        (
            CAMERA,
            b"<GCamera:MicroVideo>1</GCamera:MicroVideo><GCamera:MicroVideoOffset>5</GCamera:MicroVideoOffset>",
            VIDEO,
        ),
        (b"", CONTAINER % b"MotionPhoto", VIDEO),
        (b'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"', CONTAINER % b"GainMap", MAP),
        (CAMERA + b'GCamera:BurstID="7"', b"", []),
    ],
)
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_tags_of_missing_parts_are_removed_from_the_xmp(properties, inside, notes, suffix, tmp_path):
    start = b'<rdf:Description rdf:about="" xmlns:dc="dc" dc:title="kept" '
    text = packet(start + properties + b">" + inside + b"<dc:after>kept, too</dc:after></rdf:Description>")
    data = jpeg(made.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + text)) + b"\0\0\0\x18ftypmp42" + bytes(4988)
    saved, said, _ = result(data, suffix, tmp_path)
    assert said == notes and b'dc:title="kept"' in saved and b"<dc:after>kept, too</dc:after>" in saved
    for gone in (b":MotionPhoto", b":MicroVideo", b"Directory", b"Semantic", b"hdrgm:Version"):
        assert gone not in saved
    assert (b'BurstID="7"' in saved) == (b"BurstID" in properties)


def test_the_video_behind_a_photo_of_samsung_is_named():
    video = b"\0\0\x30\x0a\x10\0\0\0MotionPhoto_Data" + bytes(100)
    table = b"SEFH" + struct.pack("<II", 106, 1) + struct.pack("<HHII", 0, 0x0A30, len(video), len(video))
    picture = files.read(jpeg() + video + table + struct.pack("<I", len(table)) + b"SEFT")
    assert picture.notes == VIDEO


@pytest.mark.parametrize(
    "text",
    [
        b"<GCamera:MotionPhoto " * 40_000,
        b"<GCamera:MotionPhoto>" * 40_000,
        b" GCamera:MotionPhoto='" * 40_000,
        b"<rdf:RDF <x:xmpmeta " * 40_000,
    ],
)
def test_xmp_made_to_be_slow_is_not(text):
    # In quadratic time this would take hours.
    packet, _ = xmp.adjusted(CAMERA + text)
    assert xmp.joined(*xmp.split(packet)) is not None
