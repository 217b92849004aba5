"""The server's OpenAPI description, from which clients can be generated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tf_colorize
from tf_colorize.color import look
from tf_colorize.server import wishes

_HINT = {
    "description": "A color at a place in the upright photo.",
    "oneOf": [
        {"type": "string", "description": "X,Y=COLOR", "example": "120,340=#7a4b2c"},
        {"type": "array", "minItems": 3, "maxItems": 4, "items": {}, "example": ["25%", "40%", "navy"]},
        {
            "type": "object",
            "required": ["x", "y", "color"],
            "properties": {
                "x": {"description": "Pixels from the left edge, or a percentage."},
                "y": {"description": "Pixels from the top edge, or a percentage."},
                "color": {"type": "string", "example": "#7a4b2c"},
                "size": {"type": "number", "description": "Width of the hint in pixels."},
            },
        },
    ],
}


def openapi(fields: Mapping[str, Any] | None = None, *, has_token: bool) -> dict[str, Any]:
    """Returns the description as an object for JSON.

    Args:
        fields: Of the `Look` of photos whose request does not name them.
        has_token: Whether requests need a token.
    """
    options = {
        **{name: _adjustment(name, fields or {}) for name in wishes.ADJUSTMENTS},
        "hints": {"type": "array", "items": _HINT, "description": "Colors at places in the photo."},
        "reference": _references(),
        "format": {"type": "string", "enum": list(wishes.FORMATS), "description": "Default: that of the photo."},
        "quality": {"type": "integer", "minimum": 1, "maximum": 100, "description": "For JPEG, WebP, AVIF and HEIC."},
    }
    parameters = [
        {"name": name, "in": "query", "schema": schema}
        for name, schema in options.items()
        if name not in ("hints", "reference")
    ]
    hint = {"type": "array", "items": {"type": "string", "example": "120,340=#7a4b2c"}}
    parameters.append({"name": "hint", "in": "query", "schema": hint})
    failures = {
        "400": "The photo or an option is invalid.",
        "401": "The token is missing or wrong.",
        "403": "The host name is not allowed.",
        "408": "The photo did not arrive in time.",
        "413": "The photo is too large.",
        "503": "Too many requests are waiting. Try again after the number of seconds in Retry-After.",
    }
    photo = {"schema": {"type": "string", "format": "binary"}}
    as_json = {"type": "object", "required": ["image"], "properties": {"image": _base64(), **options}}
    security: dict[str, Any] = {"security": [{"token": []}]} if has_token else {}
    components: dict[str, Any] = {"schemas": {"Error": _error()}}
    if has_token:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    colorize = {
        "operationId": "colorize",
        "summary": "Colorize a photo. Size, lightness and metadata are kept.",
        "parameters": parameters,
        "requestBody": {"required": True, "content": {"image/*": photo, "application/json": {"schema": as_json}}},
        "responses": {
            "200": {
                "description": "The colorized photo.",
                "headers": {"Colorize-Notes": {"schema": {"type": "string"}, "description": "A JSON list of notices."}},
                "content": {media_type: photo for media_type in wishes.MEDIA_TYPES.values()},
            },
            **{code: _failure(text) for code, text in failures.items()},
        },
        **security,
    }
    health = {"operationId": "health", "summary": "Check that the server is running.", "responses": {"200": _healthy()}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "tf-colorize", "version": tf_colorize.__version__},
        "paths": {"/colorize": {"post": colorize}, "/health": {"get": health}},
        "components": components,
    }


def _adjustment(name, fields):
    least, most = look.Look.range_of(name)
    return {
        "type": "number",
        "minimum": least,
        "maximum": most,
        "default": fields.get(name, getattr(look.UNCHANGED, name)),
    }


def _base64():
    return {"type": "string", "contentEncoding": "base64", "description": "The photo's file."}


def _references():
    text = "Color photos whose colors similar things take on, in place of those that the server was started with."
    several = {"type": "array", "maxItems": wishes.MOST_REFERENCES, "items": _base64()}
    return {"oneOf": [_base64(), several], "description": text}


def _error():
    return {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}


def _failure(text):
    return {
        "description": text,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }


def _healthy():
    properties = {"status": {"type": "string"}, "version": {"type": "string"}}
    schema = {"type": "object", "properties": properties}
    return {"description": "It is.", "content": {"application/json": {"schema": schema}}}
