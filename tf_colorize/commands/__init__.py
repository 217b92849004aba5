"""The command `tf-colorize`: a thin layer over the library."""
