"""Picture files: pixels and metadata in and out, which files are photos, contact sheets."""
