"""Kills: `kill -9` at random moments and at random requests to the file system, in every command that writes."""

import pathlib
import tempfile

from trials import disturbed, faults, scenarios
from trials import trial as trials

MOST = 200  # kills of each command


def run(trial: trials.Trial) -> None:
    """Kills every command repeatedly until the time is over."""
    parts = trial.parts({name: one for name, one in scenarios.SCENARIOS.items() if name != "photo"})
    with tempfile.TemporaryDirectory(prefix="trials-kills-") as folder:
        breaker = faults.Faults(pathlib.Path(folder))
        end = trial.seconds
        for index, (name, scenario) in enumerate(parts.items()):
            trial.seconds = end * (index + 1) / len(parts)  # its share of the time
            command = disturbed.Disturbed(name, scenario, breaker, pathlib.Path(folder))
            try:
                _many(trial, command)
            finally:
                command.close()


def _many(trial, command):
    done = 0
    for number, rng in trial.attempts(MOST):
        done += 1
        moment = {"after": float(rng.uniform(0, command.seconds))}
        if number % 2:  # where files change, which takes less time than the rest
            moment = {"number": int(rng.integers(1, command.counts["killed"] + 1))}
        with trial.judged(f"{command.name} {number}"):
            trial.outcomes[command.killed(**moment)] += 1
    trial.figures[command.name] = f"{done} kills of {MOST}"
