"""An export never replaces what it is made from, nor another export."""

import os
import pathlib

import pytest

from tf_colorize.commands import main

pytestmark = pytest.mark.usefixtures("here")


@pytest.mark.parametrize(
    "targets, complaint",
    [
        (["--saved-model", "runs/mine"], "--saved-model runs/mine would replace --model runs/mine"),
        (["--saved-model", "runs"], "--saved-model runs would replace --model runs/mine"),
        (["--tflite", "link"], "--tflite link would replace --model runs/mine"),
        (["--onnx", "x.onnx", "--onnx-picture", "./x.onnx"], "--onnx x.onnx would replace --onnx-picture ./x.onnx"),
        (["--saved-model", "photos", "--photos", "photos/gray"], "would replace --photos photos/gray"),
        (["--saved-model", "new", "--tflite", "new/x.tflite"], "--saved-model new would replace --tflite new/x.tflite"),
    ],
)
def test_an_export_never_replaces_what_it_is_made_from(capsys, targets, complaint):
    for name in ("runs/mine/generator.keras", "photos/gray/a.jpg"):
        pathlib.Path(name).parent.mkdir(parents=True)
        pathlib.Path(name).touch()
    os.symlink("runs/mine", "link")
    with pytest.raises(SystemExit) as end:
        main.main(["export", "--model", "runs/mine", *targets, "--overwrite"])
    (line,) = capsys.readouterr().err.splitlines()
    assert end.value.code == 2 and complaint in line
