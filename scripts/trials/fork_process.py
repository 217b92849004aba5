"""The process of forks.py: reads requests, forks for each, and answers with its number and then with its exit code.

With `--once REQUEST` it runs one command itself, and has imported nothing for it.
"""

import atexit
import contextlib
import importlib
import json
import os
import pathlib
import sys
import threading
import traceback

from tf_colorize.commands import quiet
from trials import scenarios


def main():
    if sys.argv[1:2] == ["--once"]:
        _run(json.loads(sys.argv[2]))
    with quiet.startup():
        for module in sys.argv[1:]:
            importlib.import_module(module)
    _say("ready")
    for line in sys.stdin:
        request = json.loads(line)
        _import_like(pathlib.Path(request["modules"]))
        pid = os.fork()
        if pid == 0:
            _run(request)
        _say(pid)
        _, status = os.waitpid(pid, 0)
        _say(os.waitstatus_to_exitcode(status))


def _import_like(path):
    """Imports what an earlier command had to import, so that the next one need not."""
    if not path.exists():
        return
    for module in json.loads(path.read_text()):
        with contextlib.suppress(Exception):  # modules without a file
            importlib.import_module(module)
    path.unlink()


def _say(text):
    os.write(1, f"{text}\n".encode())


def _run(request):
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for descriptor, name in ((1, "out"), (2, "errors")):
        file = os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, descriptor)
    sys.argv = ["tf-colorize", *request["arguments"]]
    before, code = set(sys.modules), 99
    try:
        module, _, name = request["run"].rpartition(".")
        code = getattr(importlib.import_module(module) if module else scenarios, name)(request["arguments"])
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    if set(sys.modules) - before:
        pathlib.Path(request["modules"]).write_text(json.dumps(sorted(set(sys.modules) - before)), encoding="utf-8")
    os._exit(code or 0)


if __name__ == "__main__":
    main()
