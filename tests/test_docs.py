"""What README says is so: its options exist, its links lead somewhere, its Python runs."""

import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
COMMANDS = [
    line.removeprefix("$ ").split(" #")[0].strip()
    for language, block in BLOCKS
    if language == "console"
    for line in block.splitlines()
    if line.startswith("$ ")
]


def help_of(*command):
    return subprocess.run([*command, "--help"], capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def helps():
    helps = {f"scripts/{path.name}": help_of(sys.executable, str(path)) for path in SCRIPTS}
    for benchmark in ("colorize", "data", "train"):
        helps["scripts/benchmark.py"] += help_of(sys.executable, str(ROOT / "scripts" / "benchmark.py"), benchmark)
    helps["tf-colorize"] = help_of(sys.executable, "-m", "tf_colorize")
    return helps


def test_every_documented_option_exists(helps):
    documented = {
        (program, option)
        for command in COMMANDS
        for program in helps
        if program in command
        for option in re.findall(r"(?<=\s)--[a-z][a-z-]*", command)
    }
    assert documented
    unknown = [(program, option) for program, option in sorted(documented) if option not in helps[program]]
    assert unknown == []


def test_every_option_says_what_it_is_for(helps):
    for program, text in helps.items():
        for line in re.findall(r"^  (?:-\w[^-]*, )?--[^\n]*(?:\n {10,}[^\n]*)*", text, re.MULTILINE):
            words = re.sub(r"^\s*\S+( \S+)?", "", line).split()
            assert len(words) >= 2, f"{program}: {line}"


def test_every_make_target_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {word for command in COMMANDS if command.startswith("make ") for word in command.split()[1:]}
    assert named and named <= targets


def test_links_and_files_lead_somewhere():
    headings = {
        re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", README, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)", README):
        if target.startswith("#"):
            assert target[1:] in headings, target
        elif not target.startswith("http"):
            assert (ROOT / target).exists(), target


@pytest.mark.slow
def test_the_python_example_runs(photo_folder, tmp_path, run_python):
    example = next(block for language, block in BLOCKS if language == "python" and "Pix2Pix" in block)
    shutil.copytree(photo_folder, tmp_path / "photos" / "train")
    shutil.copytree(photo_folder, tmp_path / "photos" / "val")
    shutil.copy(photo_folder / "00.png", tmp_path / "grandma.jpg")
    for long, short in (("image_size=256, batch_size=16", "image_size=32, batch_size=4"), ("epochs=20", "epochs=1")):
        assert long in example
        example = example.replace(long, short)
    printed = run_python(f"import os\nos.chdir({str(tmp_path)!r})\n{example}\nprint(rgb.shape, rgb.dtype)")
    assert printed.strip().endswith("(80, 100, 3) uint8")
    assert (tmp_path / "saved_models" / "mine" / "1" / "saved_model.pb").is_file()
