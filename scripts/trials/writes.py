"""Writes: the n-th write, fsync, rename, mkdir or open fails, for every n, in every command that writes."""

import numpy as np

from trials import disturbed, faults, scenarios
from trials import trial as trials


def run(trial: trials.Trial) -> None:
    """Tests every command with every fault until the time is over."""
    parts = trial.parts(scenarios.SCENARIOS)
    for command in disturbed.each(trial, parts):
        _all_of_one(trial, command)


def _all_of_one(trial, command):
    cases = [(mode, number) for mode in faults.MODES for number in range(1, command.counts[mode] + 1)]
    # In an order that depends on the seed, because the time may not suffice for all.
    np.random.default_rng(trial.seed).shuffle(cases)
    after = f" after the first {trial.first}" if trial.first else ""
    for index, rng in trial.attempts(len(cases) - trial.first):
        mode, number = cases[index]
        attempt = f"{command.name} {mode} {number}"
        with trial.judged(attempt):
            from_start = bool(rng.random() < disturbed.FROM_START)
            trial.outcomes[command.with_fault(int(number), faults.MODES[str(mode)], from_start)] += 1
        # Now, because Ctrl+C may end the trial.
        trial.figures[command.name] = f"{index - trial.first + 1} of {len(cases)} faults{after}"
