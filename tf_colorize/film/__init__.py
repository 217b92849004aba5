"""Films: read, steadied, colored and written piece by piece, with memory that does not grow with their length."""
