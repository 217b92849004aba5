"""The process of forks.py: reads requests, forks for each, and answers with its number and then with its exit code."""

import atexit
import contextlib
import importlib
import json
import os
import sys
import threading
import traceback

from trials import scenarios


def main():
    for module in sys.argv[1:]:
        importlib.import_module(module)
    _say("ready")
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _run(request)
        _say(pid)
        _, status = os.waitpid(pid, 0)
        _say(os.waitstatus_to_exitcode(status))


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
    code = 99
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
    os._exit(code or 0)


if __name__ == "__main__":
    main()
