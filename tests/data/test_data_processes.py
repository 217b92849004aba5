"""Data sets in processes of their own: on several devices, and when the process ends."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import data_process
import pytest

EXIT_SCRIPT = """
import sys
from tf_colorize import data
iterator = iter(data.training_batches(PATHS, 256, 8, seed=0))
next(iterator)
print("READY", flush=True)
if INTERRUPTED:
    while True:
        next(iterator)
sys.exit(3)
"""


@pytest.mark.slow
@pytest.mark.parametrize("interrupted", [False, True])
def test_the_process_ends_while_batches_are_being_read(paths, tmp_path, interrupted):
    header = f"PATHS = {paths!r}\nINTERRUPTED = {interrupted}\n"
    process = data_process.started(header + EXIT_SCRIPT, tmp_path)
    assert process.stdout.readline() == "READY\n"
    if interrupted:
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    if interrupted:
        assert "KeyboardInterrupt" in errors
    else:
        assert process.returncode == 3


REPLICAS_SCRIPT = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
from tf_colorize import data
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    model = keras.Sequential([keras.layers.Conv2D(2, 1)])
    model.compile("sgd", "mae")
model.fit(data.image_dataset(PATHS, 32, 4, training=True), validation_data=data.image_dataset(PATHS, 32, 4), verbose=0)
for _ in range(3):  # the iterator is given up in mid-stream
    model.fit(data.training_batches(PATHS, 128, 4, seed=0), steps_per_epoch=2, verbose=0)
print("DONE")
"""


@pytest.mark.slow
def test_feeds_two_replicas(paths, tmp_path):
    output, errors = data_process.started(f"PATHS = {paths!r}\n{REPLICAS_SCRIPT}", tmp_path).communicate(timeout=120)
    assert "DONE" in output, errors


@pytest.mark.slow
def test_benchmark_prints_the_ratio(tmp_path):
    script = pathlib.Path(__file__).parents[2] / "scripts" / "benchmark.py"
    command = [sys.executable, script, "data", "--images", "20", "--batch-size", "5", "--image-size", "64"]
    environment = os.environ | {"TF_COLORIZE_CACHE": str(tmp_path), "PYTHONPATH": str(script.parents[1])}
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    ratio = output.splitlines()[-1].split()
    assert ratio[0] == "ratio" and float(ratio[1]) > 0
