"""Repeatedly runs a command of scenarios.py with disturbances, and checks the results."""

import hashlib
import pathlib
import re
import shutil
import tempfile

from trials import faults, forks
from trials import trial as trials
from trials.trial import Fault

_TEMPORARY = ".tf-colorize-"
_OF_ONE_RUN = re.compile(r"(?<=\.tf-colorize-)[0-9a-f-]+|(?<=\.tempstate)\d+")  # what names of temporary files end with
FROM_START = 1 / 20  # share of the commands that are started as new processes


def each(trial, parts):
    """Yields each scenario as a `Disturbed`, and gives it an equal share of the trial's time."""
    with tempfile.TemporaryDirectory(prefix=f"trials-{trial.name}-") as folder:
        breaker = faults.Faults(pathlib.Path(folder))
        end = trial.seconds
        for index, (name, scenario) in enumerate(parts.items()):
            trial.seconds = end * (index + 1) / len(parts)
            command = Disturbed(name, scenario, breaker, pathlib.Path(folder))
            try:
                yield command
            finally:
                command.close()


class Disturbed:
    """A command that can be run repeatedly with disturbances; it is run once without them first.

    Args:
        name: Name of the scenario.
        breaker: The object that makes requests fail.
        folder: Folder for all files.

    Attributes:
        counts: Number of requests of an undisturbed run that each mode of faults.py can fail.
    """

    def __init__(self, name, scenario, breaker, folder):
        self.name, self._scenario, self._breaker = name, scenario, breaker
        self._place = folder / name  # always the same one: commands write their paths into results
        self._inputs = folder / f"{name}.inputs"
        temporary = self._place / "tmp"
        self._inputs.mkdir()
        scenario.make(self._inputs)
        self._forks = forks.Forks(list(scenario.modules), {**breaker.environment, "TMPDIR": str(temporary)})
        self._before, self._seconds = self._results_of_inputs(), {}
        modes = {**faults.MODES, "killed": faults.KILLED}
        counts = {kinds: self._counted(kinds) for kinds in {kinds for _, kinds, _ in modes.values()}}
        self.counts = {mode: counts[kinds] for mode, (_, kinds, _) in modes.items()}
        self._expected = scenario.results(self._place)
        self._completed = set()  # states from which the command is known to reach the expected results

    def close(self):
        self._forks.close()

    def with_fault(self, number, mode, from_start=False):
        """Runs the command with one fault, checks the files, and runs it again; returns how the first run ended.

        Args:
            number: Number of the request that fails, from 1.
            mode: One of the values of `faults.MODES`.
            from_start: Whether both runs are new processes.

        Raises:
            Fault: a promise was broken.
        """
        self._fresh()
        self._breaker.plan(self._place, number, mode)
        done = self._run(from_start=from_start)
        what = self._breaker.what
        self._breaker.stop()
        try:
            if done.code:
                self._judge_failure(done)
            elif self._scenario.results(self._place) != self._expected:
                raise Fault(f"exit code 0, but {self._difference()}")
            self._judge_leftovers()
            self._judge_again(from_start)
        except Fault as fault:
            raise Fault(f"{fault}\nfirst failed: {what}\ncode {done.code}, errors:\n{done.errors}") from fault
        return "one clear line" if done.code else "went on"

    def killed(self, *, number=None, share=None, from_start=False):
        """Kills the command and runs it again; returns whether it had already ended.

        Args:
            number: Number of the request at which it is killed, from 1.
            share: Share of its duration after which it is killed.
            from_start: Whether both runs are new processes.

        Raises:
            Fault: a promise was broken.
        """
        after = None if share is None else share * self._duration(from_start)
        self._fresh()
        if number is not None:
            self._breaker.plan(self._place, number, faults.KILLED)
        done = self._run(kill_after=after, from_start=from_start)
        what = self._breaker.what
        self._breaker.stop()
        try:
            if done.code not in (0, -9):
                raise Fault(f"ended with {done.code}")
            self._judge_whole()
            self._judge_again(from_start)
        except Fault as fault:
            raise Fault(f"{fault}\nkilled at: {what or after}\ncode {done.code}, errors:\n{done.errors}") from fault
        return "had ended" if done.code == 0 else "was killed"

    def _counted(self, kinds):
        """Runs the command undisturbed; returns its number of requests of these kinds."""
        self._fresh()
        self._breaker.watch(self._place, kinds)
        done = self._run()
        count, self._seconds[False] = self._breaker.count, done.seconds
        self._breaker.stop()
        if done.code:
            raise trials.Impossible(f"{self.name} fails by itself: {done.errors}")
        return count

    def _duration(self, from_start):
        """Returns the seconds of an undisturbed run."""
        if from_start not in self._seconds:
            self._fresh()
            done = self._run(from_start=from_start)
            if done.code or self._scenario.results(self._place) != self._expected:
                raise Fault(f"a new process ends differently from a fork, with {done.code}: {done.errors}")
            self._seconds[from_start] = done.seconds
        return self._seconds[from_start]

    def _fresh(self):
        shutil.rmtree(self._place, ignore_errors=True)
        shutil.copytree(self._inputs, self._place)
        (self._place / "tmp").mkdir()

    def _run(self, again=False, **options):
        arguments = self._scenario.again if again and self._scenario.again else self._scenario.arguments
        return self._forks.run(self._scenario.run, [str(part) for part in arguments(self._place)], **options)

    def _results_of_inputs(self):
        self._fresh()
        return self._scenario.results(self._place)

    def _judge_failure(self, done):
        lines = [line for line in done.errors.splitlines() if line.strip()]
        if "Traceback" in done.errors or done.code not in (1, 2):
            raise Fault(f"not one clear line, exit code {done.code}")
        if not 1 <= len(lines) <= self._scenario.lines:
            raise Fault(f"{len(lines)} lines of complaints")
        if any(str(self._place / "tmp") in line and _TEMPORARY in line for line in lines):
            raise Fault("a line names a temporary file")
        self._judge_whole()

    def _judge_whole(self):
        """Checks that each file is either the old or the new one, and readable."""
        try:
            found = self._scenario.results(self._place)
        except Exception as error:
            raise Fault(f"a result cannot be read: {error!r}") from error
        for name, content in found.items():
            is_settled = self._scenario.run == "training" or name not in self._expected  # it grows, or is hidden
            if not is_settled and content not in (self._expected[name], self._before.get(name)):
                raise Fault(f"{name} is neither the older nor the new file")

    def _judge_leftovers(self):
        left = [path for path in self._place.rglob(f"{_TEMPORARY}*") if path.is_file()]
        if left:
            raise Fault(f"left behind: {[str(path.relative_to(self._place)) for path in left]}")

    def _judge_again(self, from_start):
        """Checks that the same command ends the job; once for each state of its files, because many faults leave the
        same."""
        state = self._state()
        if from_start or state not in self._completed:
            self._complete(from_start)
            self._completed.add(state)

    def _state(self):
        found = set()
        for path in self._place.rglob("*"):
            content = "folder" if path.is_dir() else self._content(path)
            if content is not None:
                found.add((_OF_ONE_RUN.sub("", path.relative_to(self._place).as_posix()), repr(content)))
        return hashlib.sha256(repr(sorted(found)).encode()).digest()

    def _content(self, path):
        try:
            return self._scenario.content(path)
        except Exception:  # it is damaged
            return path.read_bytes()

    def _complete(self, from_start):
        done = self._run(again=True, from_start=from_start)
        if done.code:
            raise Fault(f"once more, and it ends with {done.code}: {done.errors}")
        if self._scenario.results(self._place) != self._expected:
            raise Fault(f"once more, but {self._difference()}")
        left = [path for path in self._place.rglob(f"{_TEMPORARY}*")]
        left += list((self._place / "tmp").iterdir())
        if left:
            raise Fault(f"left behind after that: {[str(path.relative_to(self._place)) for path in left]}")

    def _difference(self):
        found = self._scenario.results(self._place)
        names = found.keys() ^ self._expected.keys()
        names |= {name for name in found.keys() & self._expected if found[name] != self._expected[name]}
        return f"these differ: {sorted(names)[:5]}"
