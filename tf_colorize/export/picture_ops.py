"""Decodes and encodes picture files with TensorFlow operations, for graphs that run without Python."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

_PNG, _GIF, _BMP, _JPEG = b"\x89PNG", b"GIF8", b"BM", b"\xff\xd8\xff"
_ORIENTATION_TAG = 0x0112


def decode(data: tf.Tensor, index: Any) -> tf.Tensor:
    """Decodes a JPEG, PNG, BMP or GIF (its first frame), upright.

    Args:
        data: string scalar, the bytes of the file.
        index: int32 scalar, its place in the batch, for the error.

    Returns:
        uint8 tensor `(height, width, 4)`, sRGB and alpha. The graph fails with INVALID_ARGUMENT, naming `index`, if the
        picture cannot be read completely.
    """
    nothing = tf.zeros((0, 0, 4), tf.uint8)
    picture = _attempt(_decoded, data, otherwise=nothing)
    message = tf.strings.format(
        "image {} of the batch (counted from 0; {} bytes) is not a complete JPEG, PNG, BMP or GIF",
        (index, tf.strings.length(data)),
    )
    check = tf.debugging.Assert(tf.size(picture) > 0, [message])
    with tf.control_dependencies([check]):
        picture = tf.identity(picture)
    orientation = _attempt(_exif_orientation, data, otherwise=tf.constant(1))
    return _upright(picture, orientation)


def encode(picture: tf.Tensor, like: Any) -> tf.Tensor:
    """Encodes a picture in the format of another file: JPEG as JPEG, otherwise PNG.

    Args:
        picture: uint8 tensor `(height, width, 4)`, sRGB and alpha.
        like: string scalar, the bytes of the other file.

    Returns:
        string scalar: JPEG of quality 95 without chroma subsampling, or PNG, with alpha
        if any pixel is not opaque.
    """
    is_opaque = tf.reduce_all(picture[..., 3] == 255)
    return tf.cond(
        _starts_with(like, _JPEG),
        lambda: tf.io.encode_jpeg(picture[..., :3], quality=95, chroma_downsampling=False),
        lambda: tf.cond(
            is_opaque,
            lambda: tf.io.encode_png(picture[..., :3]),
            lambda: tf.io.encode_png(picture),
        ),
    )


def _attempt(function, data, otherwise):
    """Returns `function(data)`, or `otherwise` if an operation in it fails, like try and except in a graph."""
    result = tf.data.Dataset.from_tensors(data).map(function).ignore_errors()
    return result.concatenate(tf.data.Dataset.from_tensors(otherwise)).take(1).get_single_element()


def _decoded(data):
    return tf.cond(
        _starts_with(data, _PNG),
        lambda: _decoded_png(data),
        lambda: _opaque(
            tf.cond(
                _starts_with(data, _BMP),
                lambda: _decoded_bmp(data),
                lambda: tf.cond(
                    _starts_with(data, _GIF),
                    lambda: tf.io.decode_gif(data)[0],
                    # TensorFlow's default is faster but less exact than other readers.
                    lambda: tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE"),
                ),
            )
        ),
    )


def _decoded_png(data):
    picture = tf.io.decode_png(data, channels=4)
    # For samples of 1, 2 or 4 bits, TensorFlow's opaque alpha is 1, 3 or 15.
    bit_depth = _bytes(data, 24, 1)[0]
    opaque = tf.bitwise.left_shift(1, bit_depth) - 1
    is_opaque = (bit_depth < 8) & tf.reduce_all(tf.cast(picture[..., 3], tf.int32) == opaque)
    return tf.cond(is_opaque, lambda: _opaque(picture[..., :3]), lambda: picture)


def _opaque(rgb):
    return tf.pad(rgb, [[0, 0], [0, 0], [0, 1]], constant_values=255)


def _decoded_bmp(data):
    """Decodes a BMP, uint8 `(height, width, 3)`; TensorFlow supports neither color tables nor compression."""
    header = tf.io.decode_raw(tf.strings.substr(data, 0, 54), tf.uint8)
    with tf.control_dependencies([tf.debugging.assert_equal(_little_endian(header[30:34]), 0)]):
        pixels = tf.io.decode_bmp(data)
    return tf.cond(
        tf.shape(pixels)[2] == 1,
        lambda: tf.gather(_bmp_color_table(data, header), tf.cast(pixels[..., 0], tf.int32)),
        # 32 bits are blue, green, red and padding.
        lambda: pixels[..., :3],
    )


def _bmp_color_table(data, header):
    start = 14 + _little_endian(header[14:18])
    count = _little_endian(header[46:50])
    count = tf.where(count == 0, 256, count)
    table = tf.io.decode_raw(tf.strings.substr(data, start, 4 * count), tf.uint8)
    return tf.reshape(table, (-1, 4))[:, 2::-1]


def _starts_with(data, prefix):
    return tf.strings.substr(data, 0, len(prefix)) == prefix


def _upright(picture, orientation):
    """Applies an EXIF orientation, 1 to 8, to a picture."""

    def any_of(*orientations):
        return tf.reduce_any(orientation == tf.constant(orientations))

    picture = tf.cond(any_of(5, 6, 7, 8), lambda: tf.transpose(picture, (1, 0, 2)), lambda: picture)
    picture = tf.cond(any_of(2, 3, 6, 7), lambda: tf.reverse(picture, [1]), lambda: picture)
    return tf.cond(any_of(3, 4, 7, 8), lambda: tf.reverse(picture, [0]), lambda: picture)


def _exif_orientation(data):
    """Returns the EXIF orientation, int32 scalar, 1 to 8; fails if a JPEG has none."""
    is_exif = _starts_with(data, _JPEG)
    position = tf.while_loop(
        lambda position: ~_is_exif_segment(data, position),
        lambda position: position + 2 + _big_endian(_bytes(data, position + 2, 2)),
        [tf.where(is_exif, 2, tf.strings.length(data))],
        # The header of a JPEG has about a dozen segments; far more means that the file is broken.
        maximum_iterations=64,
    )[0]
    tiff = position + 10
    swap = tf.strings.substr(data, tiff, 2) == b"II"
    entries = tiff + _integer(_bytes(data, tiff + 4, 4), swap)
    count = _integer(_bytes(data, entries, 2), swap)
    table = tf.reshape(_bytes(data, entries + 2, 12 * count), (-1, 12))
    tags = tf.map_fn(lambda entry: _integer(entry[:2], swap), table)
    values = tf.map_fn(lambda entry: _integer(entry[8:10], swap), table)
    return tf.boolean_mask(values, tags == _ORIENTATION_TAG)[0]


def _is_exif_segment(data, position):
    marker = _bytes(data, position, 2)
    # A failure ends the search: at the pixels (marker DA), or in a broken file.
    with tf.control_dependencies([tf.debugging.Assert((marker[0] == 0xFF) & (marker[1] != 0xDA), ["no EXIF"])]):
        is_application_data = marker[1] == 0xE1
    return is_application_data & (tf.strings.substr(data, position + 4, 6) == b"Exif\0\0")


def _bytes(data, start, count):
    return tf.cast(tf.io.decode_raw(tf.strings.substr(data, start, count), tf.uint8), tf.int32)


def _integer(values, is_little_endian):
    return tf.where(is_little_endian, _little_endian(values), _big_endian(values))


def _big_endian(values):
    return tf.foldl(lambda total, value: total * 256 + value, tf.cast(values, tf.int32), 0)


def _little_endian(values):
    return _big_endian(tf.reverse(values, [0]))
