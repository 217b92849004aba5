"""What README and the manual say is true: options exist, links work, the Python runs."""

import contextlib
import io
import pathlib
import re
import runpy
import shutil
import sys
import unittest.mock

import pytest

from tf_colorize.commands import main

ROOT = pathlib.Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {path: path.read_text() for path in PAGES}
LINKED = [*PAGES, *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "saved_models/README.md"))]
SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))
BLOCKS = [block for text in TEXTS.values() for block in re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL)]
COMMANDS = [
    line.removeprefix("$ ").split(" #")[0].strip()
    for language, block in BLOCKS
    if language == "console"
    for line in block.splitlines()
    if line.startswith("$ ")
]


def help_of(run, *arguments):
    """What a program prints for --help, in this process."""
    printed = io.StringIO()
    with (
        contextlib.redirect_stdout(printed),
        unittest.mock.patch.object(sys, "argv", [*arguments, "--help"]),
        pytest.raises(SystemExit) as end,
    ):
        run()
    assert not end.value.code
    return printed.getvalue()


def help_of_script(path, *arguments):
    return help_of(lambda: runpy.run_path(str(path), run_name="__main__"), str(path), *arguments)


@pytest.fixture(scope="module")
def helps():
    helps = {str(path.relative_to(ROOT)): help_of_script(path) for path in SCRIPTS}
    for benchmark in ("colorize", "data", "film", "scale", "serving", "train"):
        helps["scripts/benchmark.py"] += help_of_script(ROOT / "scripts" / "benchmark.py", benchmark)
    helps["tf-colorize"] = help_of(main.main, "tf-colorize")
    for subcommand in ("cluster", "demo", "evaluate", "export", "film", "serve", "train"):
        helps[f"tf-colorize {subcommand}"] = help_of(main.main, "tf-colorize", subcommand)
    return helps


def options_in(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def without_blocks(text):
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def test_every_documented_option_exists(helps):
    documented = {
        (program, option)
        for command in COMMANDS
        for program in [max((program for program in helps if program in command), key=len, default=None)]
        if program
        for option in options_in(command)
    }
    assert documented
    unknown = [(program, option) for program, option in sorted(documented) if option not in options_in(helps[program])]
    assert unknown == []


def test_options_named_in_sentences_exist(helps):
    known = {"--help"}.union(*(options_in(text) for text in helps.values()))
    for path, text in TEXTS.items():
        assert options_in(without_blocks(text)) - known == set(), path


def test_every_option_has_a_help_text(helps):
    for program, text in helps.items():
        for line in re.findall(r"^  (?:-\w[^-]*, )?--[^\n]*(?:\n {10,}[^\n]*)*", text, re.MULTILINE):
            words = re.sub(r"^\s*\S+( \S+)?", "", line).split()
            assert len(words) >= 2, f"{program}: {line}"


def test_every_make_target_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {word for command in COMMANDS if command.startswith("make ") for word in command.split()[1:]}
    named |= set(re.findall(r"`make ([a-z-]+)`", "".join(TEXTS.values())))
    assert named and named <= targets


def test_every_documented_extra_exists():
    extras = (ROOT / "setup.cfg").read_text().partition("[options.extras_require]")[2]
    known = set(re.findall(r"^(\w+) =$", extras, re.MULTILINE))
    named = {
        extra for text in TEXTS.values() for group in re.findall(r"\.\[([\w,]+)\]", text) for extra in group.split(",")
    }
    # `train` is added together with the light base installation.
    assert named - known <= {"train"}


def anchors_of(path):
    headings = re.findall(r"^#+ (.*)$", without_blocks(path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", LINKED, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)]+)\)", path.read_text()):
        if not re.match(r"\w+:", target):
            name, _, anchor = target.partition("#")
            linked = (path.parent / name) if name else path
            assert linked.exists(), target
            assert not anchor or anchor in anchors_of(linked), target


def test_files_named_in_commands_and_sentences_exist():
    for path, text in TEXTS.items():
        for name in re.findall(
            r"\b(?:scripts|tests|serving|examples|web|tf_colorize)/[\w/]+\.(?:py|yml|txt|mjs)", text
        ):
            assert (ROOT / name).exists(), f"{path}: {name}"


def test_readme_is_short_and_the_manual_has_every_page():
    assert len(TEXTS[README].splitlines()) < 150
    navigation = set(re.findall(r"([\w-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    assert {path.name for path in PAGES[1:]} <= navigation


def example_with(text):
    return next(block for language, block in BLOCKS if language == "python" and text in block)


def test_the_coloring_example_runs(photo_folder, tmp_path, run_python):
    shutil.copy(photo_folder / "00.png", tmp_path / "grandma.jpg")
    (tmp_path / "saved_models").mkdir()
    shutil.copy(ROOT / "saved_models" / "colorizer.tflite", tmp_path / "saved_models")
    run_python(f"import os\nos.chdir({str(tmp_path)!r})\n{example_with('vividness=1.3')}")
    assert (tmp_path / "grandma.color.jpg").stat().st_size > 0


@pytest.mark.slow
def test_the_python_example_runs(photo_folder, tmp_path, run_python):
    example = example_with("Pix2Pix")
    shutil.copytree(photo_folder, tmp_path / "photos" / "train")
    shutil.copytree(photo_folder, tmp_path / "photos" / "val")
    shutil.copy(photo_folder / "00.png", tmp_path / "grandma.jpg")
    for long, short in (("image_size=256, batch_size=16", "image_size=32, batch_size=4"), ("epochs=20", "epochs=1")):
        assert long in example
        example = example.replace(long, short)
    printed = run_python(f"import os\nos.chdir({str(tmp_path)!r})\n{example}\nprint(rgb.shape, rgb.dtype)")
    assert printed.strip().endswith("(80, 100, 3) uint8")
    assert (tmp_path / "saved_models" / "mine" / "1" / "saved_model.pb").is_file()
