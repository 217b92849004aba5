"""Manages workers on a Ray cluster: gives them a few photos at a time, and replaces those that die.

It uses only Ray's actors and `ray.wait`. Ray Data would list the whole archive first, read with tasks that do not get
processors beside busy actors, and start over when a part of the cluster is lost.
"""

from __future__ import annotations

import collections
import dataclasses
import time
import typing
from collections.abc import Callable, Iterator
from typing import Any

from tf_colorize.albums import work
from tf_colorize.archives import plan

_BATCHES = 2  # batches per worker; while it writes the last photos of one, it reads the first of the next
_SECONDS = 0.5  # seconds that a batch should take
_LARGEST = 64
_DEATHS = 3  # deaths of workers with only this photo before it counts as the cause
_PATIENCE = 60.0  # seconds without anything finished until people are told


class CrewError(ValueError):
    """The cluster cannot do the work; the message is one line."""


class Jobs(typing.Protocol):
    """The part of `plan.Plan` that a crew needs."""

    def take(self, count: int) -> list[plan.Item]:
        """Returns up to n next photos."""

    @property
    def is_complete(self) -> bool:
        """Returns whether all photos are listed."""

    @property
    def n_left(self) -> int:
        """Returns the number of listed photos that have not been taken."""


@dataclasses.dataclass(eq=False)
class _Hand:
    """A worker: its actor, its current photos, the time since it is ready, and the number of photos done."""

    actor: Any
    starting: Any
    batches: dict = dataclasses.field(default_factory=dict)
    is_ready: bool = False
    since: float = 0.0
    n_done: int = 0


class _Alarm:
    """Tells people, once, that nothing has happened for a while."""

    def __init__(self, tell):
        self._tell = tell
        self.reset()

    def reset(self):
        self._since, self._is_told = time.monotonic(), False

    def check(self, line):
        if not self._is_told and time.monotonic() - self._since > _PATIENCE and line():
            self._is_told = True
            self._tell(line())


class Crew:
    """A number of workers on those machines of the cluster that have a free processor.

    Args:
        hire: Creates a Ray actor of `workers.Worker`.
        size: Number of workers.
        tell: Called with a line to show.
    """

    def __init__(self, hire: Callable[[], Any], size: int, tell: Callable[[str], None]) -> None:
        import ray

        self._ray, self._hire, self._tell, self._size = ray, hire, tell, size
        self._hands = [self._new_hand() for _ in range(size)]
        self._suspects: collections.deque[plan.Item] = collections.deque()
        self.n_deaths = self._n_bad_starts = 0

    def outcomes(self, jobs: Jobs) -> Iterator[tuple[plan.Item, work.Outcome]]:
        """Processes all photos of a plan and yields them as they finish.

        A photo whose worker died is processed again by another, alone and after all others, so that a photo that kills
        workers affects no others.

        Raises:
            CrewError: no worker can start; the message has the reason.
            ValueError: the photos cannot be listed.
        """
        alarm = _Alarm(self._tell)
        while True:
            for hand in self._hands:
                self._give(hand, jobs)
            waiting = {ref: hand for hand in self._hands for ref in hand.batches}
            if jobs.is_complete and not jobs.n_left and not self._suspects and not waiting:
                jobs.take(1)  # raises the exception that stopped the listing
                return
            waiting.update({hand.starting: hand for hand in self._hands if not hand.is_ready})
            for ref in self._finished(list(waiting)):
                alarm.reset()
                yield from self._collect(ref, waiting[ref], jobs)
            alarm.check(self._waits_for)

    def _waits_for(self):
        """A line about why nothing may be happening, or None."""
        at_work = [item.source for hand in self._hands for batch in hand.batches.values() for item in batch]
        if not any(hand.is_ready for hand in self._hands):
            return f"waiting for a free processor in the cluster, for {self._size} workers"
        if not at_work:
            return None  # all wait for the list of photos
        others = f" and {len(at_work) - 1} others" if len(at_work) > 1 else ""
        return (
            f"no photo was finished for {_PATIENCE:.0f} seconds; in work: {at_work[0]}{others}. If a worker hangs, "
            "kill its process, ray::Worker; others do its photos"
        )

    def _new_hand(self):
        actor = self._hire()
        return _Hand(actor, actor.ready.remote())

    def _finished(self, references):
        """Returns the finished batches; waits at most a fraction of a second for the first."""
        if not references:  # nothing is listed yet
            time.sleep(0.05)
        elif self._ray.wait(references, num_returns=1, timeout=0.2)[0]:
            return self._ray.wait(references, num_returns=len(references), timeout=0)[0]
        return []

    def _give(self, hand, jobs):
        while hand.is_ready and len(hand.batches) < _BATCHES:
            batch = jobs.take(self._batch_size(hand, jobs))
            if not batch:
                break
            hand.batches[hand.actor.run.remote(batch)] = batch
        if hand.is_ready and not hand.batches and self._suspects and jobs.is_complete:
            batch = [self._suspects.popleft()]
            hand.batches[hand.actor.run.remote(batch)] = batch

    def _batch_size(self, hand, jobs):
        rate = hand.n_done / max(0.1, time.monotonic() - hand.since)
        size = min(_LARGEST, max(1, round(rate * _SECONDS)))
        if not jobs.is_complete:
            return size
        # Smaller batches at the end, so that all workers finish at the same time.
        return min(size, max(1, jobs.n_left // (2 * _BATCHES * len(self._hands))))

    def _collect(self, ref, hand, jobs):
        if hand not in self._hands:
            return  # it has just died, and its photos are processed again
        errors = self._ray.exceptions
        try:
            result = self._ray.get(ref)
        except errors.RayActorError as error:
            yield from self._bury(hand, error)
            return
        except errors.RayTaskError as error:  # an exception that is not the failure of a photo
            if ref is hand.starting:
                raise CrewError(f"a worker cannot start: {_cause(error)}") from error
            result = [work.Outcome(reason=_cause(error))] * len(hand.batches[ref])
        if ref is hand.starting:
            if result is not None:
                raise CrewError(result)
            hand.is_ready, hand.since, self._n_bad_starts = True, time.monotonic(), 0
            return
        hand.n_done += len(result)
        yield from zip(hand.batches.pop(ref), result)

    def _bury(self, hand, error):
        """Replaces a worker that died; its photos are processed again, or fail if they were lost too often."""
        self._ray.kill(hand.actor)
        self.n_deaths += 1
        if not hand.is_ready:
            self._n_bad_starts += 1
            if self._n_bad_starts >= _DEATHS * self._size:
                raise CrewError(f"the workers die while they start: {work.reason_of(error)}") from error
        self._hands[self._hands.index(hand)] = self._new_hand()
        for batch in hand.batches.values():
            for item in batch:
                suspect = dataclasses.replace(item, deaths=item.deaths + 1)
                if suspect.deaths > _DEATHS:
                    reason = (
                        f"all {suspect.deaths} workers that processed it died, {_DEATHS} of them while processing "
                        "nothing else"
                    )
                    yield item, work.Outcome(reason=f"{reason}; do they have enough memory?")
                else:
                    self._suspects.append(suspect)


def _cause(error):
    """Returns a one-line message for an exception of a worker, without Ray's traceback."""
    return work.reason_of(getattr(error, "cause", None) or error)
