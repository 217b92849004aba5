"""Everything in a recipe is checked before the first step, in one line."""

import pytest

from tf_colorize.commands import train
from tf_colorize.training import recipe_files, settings

FIRST = "[[step]]\nname = 'a'\n[step.train]\n"
WRONG = [
    ("", "at least one [[step]]"),
    ("step = 5", "at least one [[step]]"),
    ("step = []", "at least one [[step]]"),
    ("step = ['a']", "at least one [[step]]"),
    ("step = [{name = 'a', train = {}}, 3]", "at least one [[step]]"),
    ("[step]\nname = 'a'", "with two brackets on each side"),
    ("[[step]]\ntrain = {}", "step 1: must have a name"),
    ("[[step]]\nname = 3\ntrain = {}", "step 1: `name` must be letters and digits"),
    ("[[step]]\nname = '../a'\ntrain = {}", "step '../a': `name` must be letters and digits"),
    ("[[step]]\nname = 'a'\ntrain = 5", "step 'a' (train): must be a table, [step.train]. Received: train=5"),
    (f"{FIRST}batch_size = 'many'", "step 'a' (train): `batch_size` must be a whole number. Received: batch_size='ma"),
    (f"{FIRST}epochs = 2.0", "`epochs` must be a whole number"),
    (f"{FIRST}hints = 1", "`hints` must be true or false"),
    (f"{FIRST}mode = ['gan']", "`mode` must be one of gan, pretrain"),
    (f"{FIRST}init = 1979-05-27", "`init` must be a string"),
    (f"{FIRST}lambda_l1 = inf", "`lambda_l1` must be finite"),
    (f"{FIRST}lambda_l1 = 1{'0' * 400}", "`lambda_l1` must be finite"),
    (f"{FIRST}seed = 1{'0' * 5000}", "not valid TOML"),
    (f"{FIRST}seed = {'[' * 5000}", "not valid TOML"),
    (f"{FIRST}[step.after]\nshare = 'half'", "step 'a' (after): `share` must be a number"),
    (f"{FIRST}[step.after]\nimage_sizes = 224", "(after): `image_sizes` must be a list of whole numbers"),
    (f"{FIRST}[step.after]\nimage_sizes = [224, '320']", "(after): `image_sizes` must be a whole number"),
    (f"{FIRST}[step.after]\nstrongest = 0.5", "(after): `strongest` limits the strength that a step with"),
    (f"{FIRST}strength = true\n[step.after]\nstrongest = 0.1", "(after): `strongest` must be"),
    ("[[step]]\nname = 'a'\ntrain = {}\nafter = true", "(after): must be a table"),
    (f"{FIRST}[[step]]\nname = 'A'\ntrain = {{}}", "step 'A': each step must have a different name"),
    (f"{FIRST}[[step]]\nname = 'b'\nblend = {{first = 1, second = 'a/x', share = 0.5}}", "`first` must be a string"),
    (f"{FIRST}[[step]]\nname = 'b'\nblend = {{first = 'c/x', second = 'a/x', share = 0.5}}", "of an earlier step"),
    (
        f"{FIRST}[[step]]\nname = 'b'\nblend = {{first = 'a/x', second = 'a/x', share = 1, gains = {{contrast = 1}}}}",
        "step 'b' (blend) (gains) lacks expansion, mean_gain.",
    ),
    (f"{FIRST}[[step]]\nname = 'b'\nexport = {{model = 'a/x', quantize = 8}}", "`quantize` must be one of none"),
    (f"{FIRST}[[step]]\nname = 'b'\nexport = {{model = 'a/x', rounded = 'yes'}}", "`rounded` must be true or false"),
]


@pytest.mark.parametrize(("text", "message"), WRONG, ids=range(len(WRONG)))
def test_wrong_types_are_reported_in_one_line(tmp_path, capsys, text, message):
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(ValueError) as raised:
        recipe_files.load(tmp_path / "bad.toml")
    line = str(raised.value)
    assert line.startswith(f"{tmp_path / 'bad.toml'}: ") and message in line
    assert "\n" not in line and len(line) < 400


def test_files_that_are_not_recipes_are_reported_in_one_line(tmp_path, capsys):
    (tmp_path / "latin.toml").write_bytes("# Größe".encode("latin-1"))
    (tmp_path / "picture.toml").write_bytes(b"\xff\xd8\xff\xe0" * 100)
    for path in (tmp_path, tmp_path / "latin.toml", tmp_path / "picture.toml", tmp_path / "absent.toml"):
        assert train.main(["--recipe", str(path), "--data", "photos", "--run-dir", str(tmp_path / "run")]) == 1
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1 and f"{path}: " in lines[0], lines
    assert not (tmp_path / "run").exists()


def test_a_byte_order_mark_is_ignored(tmp_path):
    (tmp_path / "windows.toml").write_text(FIRST, encoding="utf-8-sig")
    assert recipe_files.load(tmp_path / "windows.toml") == [("a", "train", {})]


@pytest.mark.parametrize("text", ["5", "[]", "null", "[" * 5000, "{", "\x00"])
def test_a_broken_config_of_a_run_is_reported_in_one_line(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match="config.json") as raised:
        settings.load(tmp_path)
    assert "\n" not in str(raised.value)
