"""Kills: `kill -9` at random moments and at random requests to the file system, in every command that writes."""

from trials import disturbed, scenarios
from trials import trial as trials

MOST = 200  # kills of each command


def run(trial: trials.Trial) -> None:
    """Kills every command repeatedly until the time is over."""
    parts = trial.parts({name: one for name, one in scenarios.SCENARIOS.items() if name != "photo"})
    for command in disturbed.each(trial, parts):
        _many(trial, command)


def _many(trial, command):
    for number, rng in trial.attempts(MOST):
        moment = {"share": float(rng.uniform())}
        if number % 2:  # where files change, which takes less time than the rest
            moment = {"number": int(rng.integers(1, command.counts["killed"] + 1))}
        from_start = bool(rng.random() < disturbed.FROM_START)
        with trial.judged(f"{command.name} {number}"):
            trial.outcomes[command.killed(**moment, from_start=from_start)] += 1
        # Now, because Ctrl+C may end the trial.
        trial.figures[command.name] = f"{number - trial.first + 1} kills of {MOST}"
