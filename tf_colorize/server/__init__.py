"""An HTTP server that colorizes for programs on one machine: the bytes of a photo in, the bytes of the result out."""
