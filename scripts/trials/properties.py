"""Properties: odd pictures, hints files, requests, answers and looks, generated and shrunk by hypothesis."""

import itertools
import re
import traceback

from trials import trial as trials

_CHUNK = 100  # examples between checks of the time
MOST = {"pictures": 2000, "hints": 5000, "requests": 2000, "answers": 2000, "looks": 2000}


def run(trial: trials.Trial) -> None:
    """Tests each property for its share of the time."""
    trials.need("hypothesis", "starlette")
    from trials import property_pictures, property_texts

    parts = trial.parts(
        {
            "pictures": property_pictures.picture,
            "hints": property_texts.hints_file,
            "requests": property_texts.request,
            "answers": property_texts.answer,
            "looks": property_pictures.looked,
        }
    )
    end = trial.seconds
    for index, (name, check) in enumerate(parts.items()):
        trial.seconds = end * (index + 1) / len(parts)
        trial.figures[name] = f"{_many(trial, name, check)} of {MOST[name]}"


def _many(trial, name, check):
    """Tests a property until its time is over or an example fails; returns the number of examples."""
    import hypothesis

    done = 0
    most = min(MOST[name], trial.most or MOST[name])
    for chunk in itertools.count(trial.first):
        if done >= most or trial.left() < 0:
            break
        trial.tell(chunk)
        settings = hypothesis.settings(
            max_examples=min(_CHUNK, most - done),
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            print_blob=False,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        counted = _Counted(trial, check)
        test = hypothesis.seed(trial.seed + chunk)(settings(hypothesis.given(**check.given)(counted.run)))
        try:
            test()
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            lines = [*(getattr(error, "__notes__", None) or []), *traceback.format_exception(error)]
            text = re.sub(r"/tmp/\S+/", "", "\n".join(lines))
            trial.fail(f"{name} {chunk}", text or repr(error))
            break
        finally:
            done += counted.n
    return done


class _Counted:
    def __init__(self, trial, check):
        self._trial, self._check, self.n = trial, check, 0

    def run(self, **given):
        ending = self._check(**given)
        self.n += 1
        self._trial.outcomes[ending] += 1
