"""Photos: opens, colorizes and saves damaged files of every format, guided by coverage where atheris is installed."""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from trials import trial as trials

_STALLED = 120.0  # seconds without a finished file
_STARTS = 600.0  # seconds until the first, with all readers instrumented
_A_PROCESS = 5000  # files per process, because atheris uses more and more memory; its corpus is in a folder
_HERE = pathlib.Path(__file__).resolve()


def run(trial: trials.Trial) -> None:
    """Tries files until the time is over; a process that is killed or blocked by a file is restarted."""
    with_atheris = importlib.util.find_spec("atheris") is not None and trial.only != ("unguided",)
    print("guided by atheris" if with_atheris else "atheris is not installed: mutations at random", flush=True)
    done, slowest, starts = trial.first, 0.0, 0
    end = trial.first + (trial.most if trial.most is not None else 1 << 40)
    with tempfile.TemporaryDirectory(prefix="trials-photos-") as folder:
        while trial.left() > 1 and done < end:
            order = {
                "folder": folder,
                "seed": trial.seed + starts * with_atheris,
                "first": done,
                "seconds": trial.left(),
                "most": min(end - done, _A_PROCESS),
                "with_atheris": with_atheris,
            }
            before = done
            done, longest = _watched(trial, pathlib.Path(folder), order, done)
            slowest, starts = max(slowest, longest), starts + 1
            trial.tell(done)
            if done == before:
                raise trials.Impossible("the process that tries files does not start; see the messages above")
    trial.figures["slowest"] = f"{slowest:.2f} s"


def _watched(trial, folder, order, done):
    """Runs one process; returns `(number of attempts done, the longest in seconds)`."""
    paths = [str(_HERE.parents[1]), str(_HERE.parents[2] / "tests" / "helpers"), os.environ.get("PYTHONPATH", "")]
    command = [sys.executable, str(_HERE.with_name("photo_process.py")), json.dumps(order)]
    log = folder / "log.jsonl"
    log.write_bytes(b"")
    with open(folder / "errors.txt", "w+b") as errors:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        process = subprocess.Popen(command, env=environment, stdout=errors, stderr=errors)
        try:
            stalled = _waited(process, log)
        finally:  # also after Ctrl+C
            process.kill()
            process.wait()
            entries = _counted(trial, log)
        errors.seek(0)
        said = errors.read()[-3000:].decode(errors="replace")
    done += len(entries)
    if process.returncode and (entries or (folder / "current").exists()):
        what = "no end in time" if stalled else f"the process ended with {process.returncode}\n{said}"
        trial.fail(done, what, input_bin=(folder / "current").read_bytes())
        done += 1
    elif process.returncode:
        print(said, file=sys.stderr)
    return done, max((entry["seconds"] for entry in entries), default=0.0)


def _counted(trial, log):
    """Returns the entries of a log whose last line may be incomplete, after counting them."""
    entries = [json.loads(line) for line in log.read_text().rpartition("\n")[0].splitlines()]
    for entry in entries:
        if "fault" in entry:
            trial.fail(entry["number"], entry["fault"], input_bin=pathlib.Path(entry["file"]).read_bytes())
        else:
            trial.outcomes[entry["ending"]] += 1
    return entries


def _waited(process, log):
    """Waits for a process; ends it and returns True if its log has not grown for too long."""
    size, since = 0, time.monotonic()
    while process.poll() is None:
        time.sleep(0.2)
        if log.stat().st_size != size:
            size, since = log.stat().st_size, time.monotonic()
        if time.monotonic() - since > trials.patience() * (_STALLED if size else _STARTS):
            process.kill()
            process.wait()
            return True
    return False
