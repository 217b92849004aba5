"""Films: damaged and odd films of every available container and codec play as promised, or are rejected in one line."""

import pathlib
import shutil
import tempfile

from trials import film_files, forks, inputs, scenarios
from trials import trial as trials
from trials.trial import Fault

MOST = 500
_LIMIT = 240.0  # seconds on a busy machine after which a command counts as hanging


def run(trial: trials.Trial) -> None:
    """Colorizes films until the time is over; the first ones are undamaged."""
    trials.need("av", "cv2")
    with tempfile.TemporaryDirectory(prefix="trials-films-") as folder:
        folder = pathlib.Path(folder)
        made = film_files.make(folder)
        made = trial.parts(made)
        missing = sorted(set(film_files.KINDS) - set(made)) if not trial.only else []
        if missing:
            print(f"FFmpeg cannot write {', '.join(missing)} here", flush=True)
        runner = forks.Forks(list(scenarios.FILM))
        slowest = 0.0
        for number, rng in trial.attempts(MOST):
            name = list(made)[number % len(made)]
            what, data = ("whole", made[name]) if number < len(made) else _damaged(made, name, folder, rng)
            with trial.judged(f"{number} {what} {name}"):
                try:
                    ending, seconds = _colored(runner, folder / "work", name, data, what)
                except Fault as fault:
                    trial.fail(f"{number} {what} {name}", str(fault), **{name.replace(".", "_"): data})
                    continue
                slowest = max(slowest, seconds)
                trial.outcomes[ending] += 1
        runner.close()
        trial.figures["slowest"] = f"{slowest:.1f} s"


def _damaged(made, name, folder, rng):
    return film_files.damaged(name, made[name], folder, rng)


def _colored(runner, folder, name, data, what):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    source, target = folder / name, folder / "result.mkv"
    source.write_bytes(data)
    arguments = inputs.with_tiny_model([source, "-o", target])
    done = runner.run("bounded", ["film", *arguments], limit=_LIMIT)
    left = sorted(path.name for path in folder.iterdir())
    text = f"code {done.code}, {left}\n{done.out}\n{done.errors}"
    lines = [line for line in done.errors.splitlines() if line.strip()]
    if "Traceback" in done.errors or done.code not in (0, 1):
        raise Fault(f"not one clear line: {text}")
    if done.code == 1:
        if len(lines) != 1 or not lines[0].isprintable():
            raise Fault(f"{len(lines)} lines: {text}")
        if target.exists():
            raise Fault(f"a film in spite of an error: {text}")
        if what == "whole":
            raise Fault(f"a whole film is refused: {text}")
        return "refused", done.seconds
    if left != sorted([name, target.name]):
        raise Fault(f"left behind: {text}")
    _judge(source, target, text, what)
    return "colored", done.seconds


def _judge(source, target, text, what):
    import films

    try:
        pictures = films.pictures(target)
    except Exception as error:
        raise Fault(f"the result cannot be read: {error!r}: {text}") from error
    times = [time for time, _ in pictures]
    if not pictures or times != sorted(times):
        raise Fault(f"{len(pictures)} pictures at {times[:20]}: {text}")
    # Theora's encoder leaves frames out.
    if what == "whole" and source.suffix != ".ogv" and len(pictures) != film_files.N_FRAMES:
        raise Fault(f"{len(pictures)} pictures of {film_files.N_FRAMES}: {text}")
