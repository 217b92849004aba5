"""A crew that loses workers, with a stand-in for the parts of Ray that it uses."""

import sys
import types

import pytest

from tf_colorize.albums import work
from tf_colorize.archives import crew, plan

ITEM = plan.Item("a", "a", None, ("a",))


class Cluster:
    """The parts of Ray that a crew uses; `deadly` says how often each photo kills its worker."""

    def __init__(self, deadly):
        self.deadly, self.results, self.killed = deadly, {}, []
        self.exceptions = types.SimpleNamespace(RayActorError=ConnectionError, RayTaskError=ArithmeticError)

    def hire(self):
        return types.SimpleNamespace(
            ready=types.SimpleNamespace(remote=lambda: self.call(lambda: None)),
            run=types.SimpleNamespace(remote=lambda items: self.call(lambda: self.work(items))),
        )

    def call(self, function):
        reference = object()
        try:
            self.results[reference] = function()
        except ConnectionError as error:
            self.results[reference] = error
        return reference

    def work(self, items):
        for item in items:
            if self.deadly.get(item.source, 0) > 0:
                self.deadly[item.source] -= 1
                raise ConnectionError("the worker died")
        return [work.Outcome(notes=(item.source,)) for item in items]

    def wait(self, references, num_returns, timeout):
        return references[:num_returns], references[num_returns:]

    def get(self, reference):
        if isinstance(self.results[reference], Exception):
            raise self.results[reference]
        return self.results[reference]

    def kill(self, actor):
        self.killed.append(actor)


def outcomes_with(deadly, monkeypatch, size=3, count=200):
    ray = Cluster(deadly)
    monkeypatch.setitem(sys.modules, "ray", ray)
    names = [f"{index:03d}" for index in range(count)]
    with plan.Plan(iter([plan.Item(name, name, None, (name,)) for name in names])) as jobs:
        hired = crew.Crew(ray.hire, size, print)
        found = [(item.source, outcome) for item, outcome in hired.outcomes(jobs)]
    assert sorted(name for name, _ in found) == names  # nothing lost, nothing double
    return {name: outcome.reason for name, outcome in found if outcome.reason}, hired


def test_another_worker_colorizes_the_photos_of_one_that_died(monkeypatch):
    failed, hired = outcomes_with({"005": 1, "100": 1, "199": 1}, monkeypatch)
    assert failed == {} and hired.n_deaths == 3


def test_a_photo_that_kills_every_worker_fails_alone(monkeypatch):
    failed, hired = outcomes_with({"007": 99, "008": 2}, monkeypatch)
    assert list(failed) == ["007"] and "all 4 workers that processed it died" in failed["007"]
    assert hired.n_deaths <= 4 + 2


def test_workers_that_die_while_they_start_end_the_job(monkeypatch):
    def lost(reference):
        raise ConnectionError("out of memory")

    ray = Cluster({})
    monkeypatch.setattr(ray, "get", lost)
    monkeypatch.setitem(sys.modules, "ray", ray)
    with plan.Plan(iter([ITEM])) as jobs, pytest.raises(crew.CrewError, match="die while they start: out of memory"):
        list(crew.Crew(ray.hire, 2, print).outcomes(jobs))


@pytest.mark.parametrize("is_started", [False, True])
def test_a_minute_without_a_finished_photo_is_reported_once(monkeypatch, is_started):
    class Stalled(Cluster):
        n_waits = 0

        def wait(self, references, num_returns, timeout):
            self.n_waits += 1
            stalls = range(10, 400) if is_started else range(390)
            return ([], references) if self.n_waits in stalls else super().wait(references, num_returns, timeout)

    seconds = iter(range(100_000))
    monkeypatch.setattr(crew.time, "monotonic", lambda: float(next(seconds)))
    ray, told = Stalled({}), []
    monkeypatch.setitem(sys.modules, "ray", ray)
    with plan.Plan(iter([plan.Item(name, name, None, (name,)) for name in "abcdefgh" * 9])) as jobs:
        while not jobs.is_complete:
            pass
        assert len(list(crew.Crew(ray.hire, 2, told.append).outcomes(jobs))) == 72
    (line,) = told
    if is_started:
        assert line.startswith("no photo was finished for 60 seconds; in work: ") and "kill its process" in line
    else:
        assert line == "waiting for a free processor in the cluster, for 2 workers"
