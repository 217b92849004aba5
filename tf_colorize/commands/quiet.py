"""TensorFlow without its start-up notices, for command lines."""

import contextlib
import os
import tempfile


@contextlib.contextmanager
def startup():
    """Hides what TensorFlow's libraries write to stderr while they are imported and find no GPU.

    They write before any log level is read, so the file descriptor itself is put aside. It comes
    back, with all that was written, when an exception passes.

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
        except BaseException:
            hidden.seek(0)
            os.write(stderr, hidden.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
