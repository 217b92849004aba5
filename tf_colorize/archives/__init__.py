"""Archives: processes every photo of a folder or bucket on all machines of a Ray cluster."""
