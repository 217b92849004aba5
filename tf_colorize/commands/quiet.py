"""TensorFlow and LiteRT without their start-up notices, for command lines."""

import contextlib
import os
import tempfile


@contextlib.contextmanager
def startup():
    """Hides what the libraries of TensorFlow and LiteRT write to stderr while they start.

    They write before any log level is read, so the file descriptor itself is put aside. It comes
    back, with all that was written, when an exception passes; not when that is a ValueError, whose
    message is all that a person needs.

    Example:
    >>> with startup():
    ...     import tensorflow
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as hidden:
        os.dup2(hidden.fileno(), 2)
        try:
            yield
        except BaseException as error:
            if not isinstance(error, ValueError):
                hidden.seek(0)
                os.write(stderr, hidden.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
