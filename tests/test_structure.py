"""Imports go down only, and light modules stay light."""

import ast
import pathlib

import pytest

PACKAGE = pathlib.Path(__file__).parent.parent / "tf_colorize"

# The map of the house, top to bottom: each module may import only what stands above it.
ROOMS = {
    "": ["tf_colorize", "installation", "processors"],
    "color": ["lab", "colorfulness", "profiles", "tensors"],
    "photos": ["metadata", "whole", "files", "find", "contact_sheet"],
    "data": ["sources", "pipeline"],
    # the Keras dialect, at the top level as its users expect
    "losses": [],
    "metrics": [],
    "optimizers": [],
    "models": [
        "generator",
        "blocks",
        "convolutions",
        "backbone_weights",
        "backbones",
        "unet",
        "resnet18_unet",
        "patchgan",
        "pix2pix",
        "saving",
    ],
    "inference": ["messages", "serving", "runtimes", "colorizer"],
    "training": ["config", "start", "averaging", "checkpoints", "reports", "stages"],
    "evaluation": [
        "measures",
        "protocols",
        "features",
        "perceptual",
        "comparison",
        "figures",
        "records",
        "pictures",
        "charts",
        "page",
        "report",
    ],
    "export": ["picture_ops", "graph", "artifact", "checks", "saved_model", "tflite", "vectors"],
    "commands": ["quiet", "folder", "demo", "main"],
    "__main__": [],
}
# A room's name itself is its `__init__`, which may offer what is in the room.
ORDER = [
    name for room, files in ROOMS.items() for name in (*(f"{room}.{file}".lstrip(".") for file in files), room) if name
]


def name_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__") or "tf_colorize"


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module.split(".")[0] == "tf_colorize":
            base = node.module.removeprefix("tf_colorize").lstrip(".")
            for alias in node.names:
                full = f"{base}.{alias.name}".lstrip(".")
                yield full if full in ORDER else (base or "tf_colorize")
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "tf_colorize":
                    yield alias.name.removeprefix("tf_colorize").lstrip(".") or "tf_colorize"


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def test_every_module_has_its_place():
    assert sorted(MODULES) == sorted(ORDER)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module):
    position = ORDER.index(module)
    upward = [name for name in imports_of(MODULES[module]) if ORDER.index(name) >= position]
    assert upward == []


def test_the_command_line_and_the_default_model_need_no_tensorflow(run_python):
    run_python("""
        import sys
        import tf_colorize
        from tf_colorize.color import lab
        from tf_colorize.commands import demo, folder, main
        from tf_colorize.inference import colorizer, runtimes, serving
        heavy = {"tensorflow", "keras", "tensorflow_io", "scipy", "skimage"} & set(sys.modules)
        assert not heavy, heavy
    """)
