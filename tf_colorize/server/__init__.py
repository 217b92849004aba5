"""Coloring over HTTP for programs on one machine: bytes of a photo in, bytes of a photo in color out."""
