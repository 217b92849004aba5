"""Imports go down only, and light modules stay light."""

import ast
import functools
import pathlib
import re
import subprocess
import sys

import pytest

try:
    import tomllib
except ImportError:  # Python 3.10
    import tomli as tomllib

PACKAGE = pathlib.Path(__file__).parents[2] / "tf_colorize"


def name_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__") or "tf_colorize"


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@functools.cache
def tree_of(module):
    return ast.parse(MODULES[module].read_text())


def test_imports_go_down_and_every_file_has_its_place():
    """The contracts are in pyproject.toml; they also hold for what is imported indirectly."""
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"], cwd=PACKAGE.parent, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_every_room_has_a_contract():
    rooms = {name_of(path) for path in PACKAGE.rglob("__init__.py") if len(list(path.parent.glob("*.py"))) > 1}
    settings = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["tool"]["importlinter"]
    containers = {name for contract in settings["contracts"] for name in contract["containers"]}
    assert containers == {f"tf_colorize.{room}".removesuffix(".tf_colorize") for room in rooms}


def test_every_file_of_tests_has_a_name_of_its_own():
    """Two files with the same name cannot be collected together."""
    names = [path.name for path in (PACKAGE.parent / "tests").rglob("*.py") if path.name != "conftest.py"]
    assert sorted({name for name in names if names.count(name) > 1}) == []


@pytest.mark.parametrize("module", MODULES)
def test_own_imports_need_no_alias(module):
    imports = [node for node in ast.walk(tree_of(module)) if isinstance(node, ast.ImportFrom)]
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


def texts_of(module):
    """Yields the strings of a file that are not docstrings."""
    tree = tree_of(module)
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in statements:
            yield node.value


def test_the_library_names_no_option_of_a_command():
    option = re.compile(r"(?<![\w(-])--[a-z][\w-]*(?![\w:-])")  # `--name:` is a variable of a style sheet
    other_programs = "tensorboard --logdir "
    named = {
        (module, text)
        for module in MODULES
        if not module.startswith(("commands", "__main__"))
        for text in texts_of(module)
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
    for name, function in public_functions(tree_of(module).body):
        arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        arguments += [argument for argument in (function.args.vararg, function.args.kwarg) if argument]
        untyped = [a.arg for a in arguments if a.annotation is None and a.arg not in ("self", "cls")]
        assert not untyped and function.returns is not None, (name, untyped)
