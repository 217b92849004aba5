"""From photos to files: what becomes what, one photo, and many at once."""
