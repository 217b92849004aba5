"""Produces items ahead of time in a separate thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

T = TypeVar("T")
_LOOK_UP = 0.1  # seconds between checks of a waiting thread whether it is still needed


def ahead(items: Iterable[T], n_waiting: int) -> Generator[T, None, None]:
    """Yields items that a thread takes from an iterable, up to `n_waiting` in advance.

    Exceptions of the iterable are raised here. When the generator is closed, the thread ends and closes the iterable.
    """
    waiting: queue.Queue = queue.Queue(n_waiting)
    is_over = threading.Event()

    def put(entry):
        while not is_over.is_set():
            try:
                waiting.put(entry, timeout=_LOOK_UP)
                return
            except queue.Full:
                continue

    def work():
        error = None
        try:
            for item in items:
                put((item, False, None))
                if is_over.is_set():
                    break
        except BaseException as raised:  # also KeyboardInterrupt, which is passed on to the consumer
            error = raised
        finally:
            if isinstance(items, Generator):
                items.close()
            put((None, True, error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            item, is_last, error = waiting.get()
            if error is not None:
                raise error
            if is_last:
                return
            yield item
    finally:
        is_over.set()
        thread.join()
