"""The process that photos.py starts: tries files until it is stopped, and writes a line for each kind of ending.

A broken file may kill or block the process itself; `current` is then that file.
"""

import json
import os
import pathlib
import resource
import sys
import tempfile
import time

_BEYOND = 6 << 30  # bytes of address space; beyond that, allocations raise MemoryError


def main(folder, seed, first, seconds, most, with_atheris):
    folder = pathlib.Path(folder)
    if with_atheris:
        import atheris

        with atheris.instrument_imports(include=["PIL", "tf_colorize.photos", "tf_colorize.color"]):
            from trials import photo_check, photo_files
    else:
        from trials import photo_check, photo_files
    import tiny_models

    from tf_colorize.inference import colorizer

    photo_check.register()
    resource.setrlimit(resource.RLIMIT_AS, (_BEYOND, _BEYOND))
    colorize = colorizer.Colorizer.load(tiny_models.STORED, threads=1)
    session = _Session(folder, lambda data, scratch: photo_check.check(colorize, data, scratch), seconds, most, first)
    seeds = list(photo_files.seeds().values())
    if with_atheris:
        _guided(atheris, photo_files, session, seeds, folder, seed)
    else:
        _unguided(photo_files, session, seeds, seed)


class _Session:
    def __init__(self, folder, check, seconds, most, first):
        self._check, self._end = check, time.monotonic() + seconds
        self._most, self.number = first + most, first
        self._current = folder / "current"
        self._log = open(folder / "log.jsonl", "a", encoding="utf-8", buffering=1)  # noqa: SIM115  # as long as the process
        self._scratch = pathlib.Path(tempfile.mkdtemp(dir=folder))

    def is_over(self):
        return time.monotonic() > self._end or self.number >= self._most

    def attempt(self, data):
        from trials.trial import Fault

        self._current.write_bytes(data)
        start = time.process_time()
        try:
            entry = {"ending": self._check(data, self._scratch)}
        except Fault as fault:
            kept = self._current.with_name(f"failed-{self.number}")
            kept.write_bytes(data)
            entry = {"fault": str(fault), "file": str(kept)}
        entry |= {"number": self.number, "seconds": round(time.process_time() - start, 3)}
        self._log.write(json.dumps(entry) + "\n")
        self.number += 1


def _unguided(photo_files, session, seeds, seed):
    import numpy as np

    while not session.is_over():
        rng = np.random.default_rng([seed, session.number])
        whole = seeds[session.number % len(seeds)]
        session.attempt(whole if session.number < len(seeds) else photo_files.mutated(whole, seeds, rng))


def _guided(atheris, photo_files, session, seeds, folder, seed):
    corpus = folder / "corpus"
    corpus.mkdir(exist_ok=True)
    for index, data in enumerate(seeds):
        (corpus / f"seed-{index}").write_bytes(data)

    def one_input(data):
        session.attempt(data)
        if session.is_over():
            session._log.flush()
            os._exit(0)

    def mutate(data, max_size, seed):
        import numpy as np

        rng = np.random.default_rng(seed)
        if rng.random() < 0.5 and data:
            return photo_files.mutated(data, seeds, rng)[:max_size]
        return photo_files.checked(atheris.Mutate(data, max_size))[:max_size]

    options = [f"-seed={seed + 1}", "-max_len=16384", "-timeout=3600", "-rss_limit_mb=0", "-verbosity=0"]
    arguments = [sys.argv[0], *options, f"-artifact_prefix={folder}/", str(corpus)]
    atheris.Setup(arguments, one_input, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
