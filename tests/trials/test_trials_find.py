"""Trials find planted faults: careless commands, and pictures that break a promise."""

import functools
import io
import itertools
import json
import os
import shutil

import pytest
import tiny_models
from PIL import Image
from trials import disturbed, faults, forks, inputs, photo_check, photo_files, photos, scenarios, soak, writes
from trials import trial as trials

from tf_colorize.albums import work
from tf_colorize.inference import colorizer

pytestmark = pytest.mark.skipif(not shutil.which("gcc"), reason="needs a C compiler")


@pytest.fixture(scope="module")
def breaker(tmp_path_factory):
    return faults.Faults(tmp_path_factory.mktemp("faults"))


@pytest.fixture
def command(breaker, tmp_path):
    opened = []

    def start(name):
        def make(folder):
            (folder / "out").mkdir()
            (folder / "out" / "result.txt").write_text("an older result")

        scenario = scenarios.Scenario(
            (), f"careless_command.{name}", make, lambda folder: [str(folder)], inputs.files, lines=1
        )
        opened.append(disturbed.Disturbed(name, scenario, breaker, tmp_path))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def all_faults(command):
    """What each mode and request is found to break."""
    found = []
    for mode in faults.MODES:
        for number in range(1, command.counts[mode] + 1):
            try:
                command.with_fault(number, faults.MODES[mode])
            except trials.Fault as fault:
                found.append(str(fault).splitlines()[0])
    return found


def test_a_careful_command_keeps_its_promises(command):
    careful = command("carefully")
    assert careful.counts["full"] > 3 and all_faults(careful) == []
    endings = {careful.killed(number=number) for number in range(1, careful.counts["killed"] + 1)}
    assert endings == {"was killed"}
    assert careful.killed(share=100.0) == "had ended"


def test_a_command_from_the_start_meets_the_same_faults(command):
    careful = command("carefully")
    for mode in faults.MODES.values():
        assert careful.with_fault(2, mode, from_start=True) == careful.with_fault(2, mode)
    assert careful.killed(number=careful.counts["killed"], from_start=True) == "was killed"
    assert careful.killed(share=0.0, from_start=True) == "was killed"
    assert careful.killed(share=100.0, from_start=True) == "had ended"
    with pytest.raises(trials.Fault, match="0 lines of complaints"):
        command("in_silence").with_fault(1, faults.MODES["full"], from_start=True)


def test_a_state_that_many_faults_leave_is_completed_once(command, monkeypatch):
    careful = command("carefully")
    complete, completed = careful._complete, []
    monkeypatch.setattr(careful, "_complete", lambda from_start: completed.append(complete(from_start)))
    assert all_faults(careful) == []
    assert len(completed) == 2 < careful.counts["full"]  # the older file or the new one, and nothing else
    careful.with_fault(1, faults.MODES["full"], from_start=True)
    assert len(completed) == 3  # a new process may end differently


def test_what_only_one_run_has_is_not_part_of_a_state(command):
    careful = command("carefully")
    states = []
    for name in (".tf-colorize-0123456789ab-17-ff00.part", ".tf-colorize-0123456789ab-18-0aa0.part", "result.part"):
        careful._fresh()
        (careful._place / "out" / name).write_text("half")
        states.append(careful._state())
    assert states[0] == states[1] != states[2]


def test_states_of_a_training_differ_by_what_it_reads(tmp_path):
    """Neither logs nor times and speeds count; checkpoints and rows of the history do."""
    place = tmp_path / "run"
    place.mkdir()
    history, listed, log = place / "history.jsonl", place / "checkpoint", place / "events.out.tfevents.17.vm.3.v2"

    def state(loss=0.5, speed=3.0, newest="ckpt-1", time=17.25, logged="a"):
        history.write_text(f'{{"epoch": 0, "loss": {loss}, "images_per_second": {speed}}}\n')
        listed.write_text(f'model_checkpoint_path: "{newest}"\nlast_preserved_timestamp: {time}\n')
        log.write_text(logged)
        return [inputs.training_content(path) for path in (history, listed, log)]

    assert state() == state(speed=4.5, time=19.75, logged="bc")
    assert state() != state(loss=0.25) and state() != state(newest="ckpt-2")


@pytest.mark.parametrize(
    "name, complaint",
    [
        ("in_place", "result.txt is neither the older nor the new file"),
        ("in_silence", "0 lines of complaints"),
        ("with_a_traceback", "not one clear line, exit code 99"),
    ],
)
def test_a_careless_command_is_found(command, name, complaint):
    assert complaint in all_faults(command(name))


def test_a_file_that_is_half_written_when_the_command_is_killed_is_found(command):
    careless = command("in_place")
    with pytest.raises(trials.Fault, match="neither the older nor the new"):
        for number in range(1, careless.counts["killed"] + 1):
            careless.killed(number=number)


def test_leftovers_are_found(command):
    with pytest.raises(trials.Fault, match=r"left behind after that: \['tmp/rubbish'\]"):
        command("with_leftovers").with_fault(2, faults.MODES["full"])  # the first request makes the file


def test_a_command_that_hangs_is_found_and_one_on_a_busy_machine_is_not(monkeypatch):
    runner = forks.Forks([])
    for busy, from_start in itertools.product((0.0, 4000.0), (False, True)):
        monkeypatch.setattr(os, "getloadavg", lambda load=busy: (load, 0.0, 0.0))
        started = functools.partial(runner.run, "careless_command.slowly", [], limit=0.2, from_start=from_start)
        if busy:
            assert started().code == 0
        else:
            with pytest.raises(trials.Fault, match="no end after 0 s"):
                started()
    runner.close()


@pytest.fixture(scope="module")
def colorize():
    photo_check.register()
    return colorizer.Colorizer.load(tiny_models.STORED, threads=1)


@pytest.mark.parametrize("name", sorted(photo_files.seeds()))
def test_whole_files_of_every_kind_are_colorized_or_refused_in_a_line(tmp_path, colorize, name):
    ending = photo_check.check(colorize, photo_files.seeds()[name], tmp_path)
    assert ending == ("refused" if name in ("float.tif", "signed.tif") else "colorized")


def test_a_broken_optional_chunk_is_no_reason_to_refuse_a_photo(tmp_path, colorize):
    for name, data in photo_files.seeds().items():
        place = data.find(b"iCCP") + 12
        if name.endswith(".png") and place > 12:
            broken = data[:place] + bytes(40) + data[place + 40 :]  # its checksum is wrong, too
            with pytest.raises(Image.UnidentifiedImageError):
                Image.open(io.BytesIO(broken))
            assert photo_check.check(colorize, broken, tmp_path) == "colorized"
            break
    else:
        raise AssertionError("no PNG with a profile")


@pytest.mark.parametrize(
    "outcome, complaint",
    [
        (work.Outcome(reason="a\nb"), "not a clear line"),
        (work.Outcome(reason="it cannot be done"), "a picture that can be read has no result"),
        (work.Outcome(size=(9, 9)), "left behind"),
    ],
)
def test_broken_promises_of_photos_are_found(tmp_path, colorize, monkeypatch, outcome, complaint):
    monkeypatch.setattr(work, "colorize_file", lambda *_: outcome)
    with pytest.raises(trials.Fault, match=complaint):
        photo_check.check(colorize, photo_files.seeds()["gray.bmp"], tmp_path)


def test_growth_is_found():
    samples = soak.Samples()
    samples.rows = [(30 * number, 100 + number / 10, 7, 3) for number in range(100)]
    with pytest.raises(trials.Fault, match=r"\+3.33 MB per 1,000"):
        samples.judged()
    samples.rows = [(30 * number, 100, 7 + number // 90, 3) for number in range(100)]
    with pytest.raises(trials.Fault, match="open files 7 then 8"):
        samples.judged()
    samples.rows = [(30 * number, 100 - number / 10, 7, 3) for number in range(100)]
    assert samples.judged().endswith("open files 7 then 7, threads 3 then 3")


def test_files_tried_before_a_stop_are_counted(tmp_path):
    trial = trials.Trial("photos", 1, 1.0, tmp_path / "keep")
    (tmp_path / "a.png").write_bytes(b"file")
    entries = [{"ending": "refused"}, {"number": 7, "fault": "too slow", "file": str(tmp_path / "a.png")}]
    (tmp_path / "log").write_text("".join(json.dumps(entry) + "\n" for entry in entries) + '{"ending": "ref')
    assert photos._counted(trial, tmp_path / "log") == entries
    assert trial.outcomes == {"refused": 1, "FAILED": 1}
    assert (tmp_path / "keep" / "photos-1-7" / "input.bin").read_bytes() == b"file"


def test_a_stopped_trial_tells_how_far_it_is(tmp_path):
    class Command:
        name, counts = "folder", {"full": 2, "broken": 2, "forbidden": 2}
        runs = 0

        def with_fault(self, *_):
            self.runs += 1
            if self.runs == 4:
                raise KeyboardInterrupt
            return "went on"

    trial = trials.Trial("writes", 1, 60.0, tmp_path, first=1)
    with pytest.raises(KeyboardInterrupt):
        writes._all_of_one(trial, Command())
    assert trial.figures == {"folder": "3 of 6 faults after the first 1"}
