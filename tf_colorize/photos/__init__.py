"""Picture files: reading and writing pixels and metadata, finding photos, contact sheets."""
