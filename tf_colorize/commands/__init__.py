"""The command `tf-colorize`: shells around the library."""
