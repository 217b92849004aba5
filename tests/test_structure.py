"""Imports go down only, and light modules stay light."""

import ast
import pathlib

import pytest

PACKAGE = pathlib.Path(__file__).parent.parent / "tf_colorize"

# Each module may import only what stands above it.
ORDER = [
    "tf_colorize",
    "quiet",
    # colour and files, without TensorFlow
    "lab",
    "srgb",
    "image_metadata",
    "image_io",
    "contact_sheet",
    "metadata",
    "measures",
    # colour and data in TensorFlow
    "color",
    "sources",
    "data",
    # networks and their training
    "losses",
    "metrics",
    "optimizers",
    "models.blocks",
    "models.convolutions",
    "models.backbone_weights",
    "models.backbones",
    "models.unet",
    "models.resnet18_unet",
    "models.patchgan",
    "models.pix2pix",
    "models.loading",
    "models",
    "callbacks",
    "checkpoints",
    "train_config",
    "preparation",
    "training",
    # delivery
    "prediction_messages",
    "serving",
    "predictors",
    "colorizer",
    "evaluation.protocols",
    "evaluation.features",
    "evaluation.perceptual",
    "evaluation.comparison",
    "evaluation.figures",
    "evaluation.records",
    "evaluation.pictures",
    "evaluation.charts",
    "evaluation.page",
    "evaluation.report",
    "evaluation",
    "export.picture_ops",
    "export.graph",
    "export.artifact",
    "export.checks",
    "export.saved_model",
    "export.tflite",
    "export.vectors",
    "export",
    "batch",
    "demo",
    "cli",
    "__main__",
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
        from tf_colorize import batch, cli, colorizer, lab, predictors, serving
        heavy = {"tensorflow", "keras", "tensorflow_io", "scipy", "skimage"} & set(sys.modules)
        assert not heavy, heavy
    """)
