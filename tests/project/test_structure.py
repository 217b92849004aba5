"""Imports go down only, and light modules stay light."""

import ast
import pathlib
import re

import pytest

PACKAGE = pathlib.Path(__file__).parents[2] / "tf_colorize"

# The map of the house, top to bottom: each module may import only what stands above it.
ROOMS = {
    "": ["tf_colorize", "installation", "processors", "durable", "leftovers", "whole", "documents"],
    "color": ["srgb", "lab", "look", "colorfulness", "png_color", "margins", "profiles", "tensors"],
    "photos": [
        *("origins", "tiff_tags", "exif", "captions", "xmp", "containers", "metadata"),
        "opening",
        *("png_repair", "files", "find", "contact_sheet"),
    ],
    "data": ["sources", "selection", "old_photos", "simulated_hints", "simulated_wishes", "pipeline"],
    "look_files": [],
    "hints": [],
    # the Keras dialect, at the top level as its users expect
    "losses": [],
    "metrics": [],
    "optimizers": [],
    "models": [
        "blocks",
        "convolutions",
        "backbone_weights",
        "backbones",
        "unet",
        "likeness",
        "strength",
        "encoder_unet",
        "hint_limits",
        "hint_branch",
        "resnet18_unet",
        "resnet34_unet",
        "catalog",
        "anatomy",
        "grafts",
        "generator",
        "patchgan",
        "projected",
        "pix2pix",
        "saving",
    ],
    "inference.serving": ["failures", "messages", "rest", "grpc", "client"],
    "inference": ["predictor", "runtimes", "onnx_runtime", "insight", "matching", "likely", "strips", "colorizer"],
    "albums": ["hints_beside", "inputs", "variants", "work", "targets", "plan", "crowd"],
    "server": ["wishes", "description", "app"],
    "archives": [
        *(
            "bucket_protocols",
            "addresses",
            "buckets",
            "places",
            "packed",
            "plan",
            "failures",
            "workers",
            "crew",
            "heads",
        ),
        *("ray_process", "hiring"),
    ],
    "film": [
        *(
            "frames",
            "sources",
            "orientation",
            "decoding",
            "listing",
            "telecine",
            "detelecine",
            "reading",
            "tones",
            "joining",
            "flow",
            "steadying",
        ),
        *(
            "tracking",
            "timecode",
            "encoding",
            "sound",
            "containers",
            "muxing",
            "pieces",
            "ahead",
            "coloring",
            "preview",
        ),
    ],
    "training": [
        *("fields", "settings", "tf_config", "distribution", "objectives", "preparation", "averaging", "gains"),
        *("checkpoints", "loop", "outcome", "reports", "results", "stages"),
    ],
    "evaluation": [
        "measures",
        "blotches",
        "protocols",
        "photo_measures",
        "spreading",
        "hint_gains",
        "hint_reach",
        "reference_gains",
        "aging",
        "inception",
        "features",
        "perceptual",
        "clips",
        "steadiness",
        "comparison",
    ],
    "evaluation.report": ["figures", "records", "pictures", "charts", "page", "document", "trials"],
    "export": [
        *("picture_ops", "graph", "onnx_graph", "artifact", "checks", "saved_model", "rounding", "tflite", "onnx"),
        "vectors",
    ],
    "recipe": [],
    "commands": [
        *("streams", "rulers", "tree", "quiet", "launcher", "progress", "parsing", "look_options", "photo_options"),
        *("photos", "ray_job", "cluster", "film", "serve", "demo", "train", "evaluate", "export", "main"),
    ],
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
    tree = ast.parse(path.read_text())
    if path.name == "__init__.py":  # what a room offers to type checkers is loaded later
        tree.body = [node for node in tree.body if "TYPE_CHECKING" not in ast.unparse(getattr(node, "test", node))]
    for node in ast.walk(tree):
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


@pytest.mark.parametrize("module", MODULES)
def test_own_imports_need_no_alias(module):
    imports = [node for node in ast.walk(ast.parse(MODULES[module].read_text())) if isinstance(node, ast.ImportFrom)]
    own = [alias for node in imports if (node.module or "").startswith("tf_colorize") for alias in node.names]
    # What a room offers to type checkers is `x as x`.
    assert [alias.asname for alias in own if alias.asname not in (None, alias.name)] == []


def test_the_command_line_and_the_default_model_need_no_tensorflow(run_python):
    run_python("""
        import sys
        import tf_colorize
        from tf_colorize.color import lab
        from tf_colorize.albums import crowd, plan, work
        from tf_colorize.commands import demo, main, photos
        from tf_colorize.inference import colorizer, runtimes, serving
        heavy = {"tensorflow", "keras", "tensorflow_io", "scipy", "skimage"} & set(sys.modules)
        assert not heavy, heavy
    """)


def test_only_one_file_looks_up_the_layers_of_a_generator():
    names = "|".join(("chroma_logits", "chroma", "chroma_contrast", "ab", "resnet18", "resnet34"))
    lookup = re.compile(rf'(get_layer\(|name == |name in )f?"({names})"')
    found = [module for module, path in MODULES.items() if lookup.search(path.read_text())]
    layers = {"models.anatomy", "models.backbones", "models.backbone_weights"}  # the latter: keras-cv's own names
    users = [module for module, path in MODULES.items() if "get_layer(" in path.read_text()]
    assert found == [] and set(users) <= layers - {"models.anatomy"}


def texts_of(path):
    """Yields the strings of a file that are not docstrings."""
    tree = ast.parse(path.read_text())
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in statements:
            yield node.value


def test_the_library_names_no_option_of_a_command():
    option = re.compile(r"(?<![\w(-])--[a-z][\w-]*(?![\w:-])")  # `--name:` is a variable of a style sheet
    other_programs = "tensorboard --logdir "
    named = {
        (module, text)
        for module, path in MODULES.items()
        if not module.startswith(("commands", "__main__"))
        for text in texts_of(path)
        if option.search(text) and other_programs not in text
    }
    assert named == set()


# What Keras calls: its signatures are Keras' own.
OF_KERAS = re.compile(
    r"call|build|compute_.*|get_.*config|from_config|compile.*|train_step|test_step|on_.*|add_weight|update_step|"
    r"(save|load)_own_variables"
)


def public_functions(body, prefix=""):
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node.body, f"{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            is_public = not node.name.startswith("_") or node.name in ("__init__", "__call__")
            if is_public and not (prefix and OF_KERAS.fullmatch(node.name)):
                yield prefix + node.name, node


@pytest.mark.parametrize("module", MODULES)
def test_public_functions_have_types(module):
    for name, function in public_functions(ast.parse(MODULES[module].read_text()).body):
        arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        arguments += [argument for argument in (function.args.vararg, function.args.kwarg) if argument]
        untyped = [a.arg for a in arguments if a.annotation is None and a.arg not in ("self", "cls")]
        assert not untyped and function.returns is not None, (name, untyped)
