"""From photos to files: plans the results, colorizes one photo, and many at once."""
