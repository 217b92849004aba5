"""Distributes training over several devices or machines: the strategy, and the communication between processes."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tf_colorize import installation
from tf_colorize.training import tf_config

with installation.explained():
    import keras
    import tensorflow as tf

CHOICES = ("auto", "none", "mirrored", "workers")
_CHUNK = 2**22  # numbers per message of `Workers.from_chief`


class Followed(Exception):
    """This worker stops because another one failed; the message says why."""


class WorkerLost(Exception):
    """Another worker is lost; the message says which."""


def copies(variable: keras.Variable | tf.Variable) -> tuple[tf.Variable, ...]:
    """Returns the `tf.Variable`s of a variable on all devices of this process."""
    value = variable.value if isinstance(variable, keras.Variable) else variable
    return value.values if isinstance(value, tf.distribute.DistributedValues) else (value,)


def start(
    distribute: str = "auto",
    report: Callable[[str], None] = print,
    lost: Callable[[str], None] | None = None,
) -> Workers:
    """Sets up this process as one of the workers; must run before TensorFlow computes anything.

    Args:
        distribute: "none": one device. "mirrored": all GPUs of this machine, or all logical CPU devices of TensorFlow.
            "workers": the processes in the environment variable `TF_CONFIG`, each with all of its GPUs; returns when
            all have started. "auto": "workers" if `TF_CONFIG` lists several, "mirrored" if there are several GPUs.
        report: function of one str, called with a line when waiting.
        lost: as for `tf_config.Cluster.watched`, called when another worker is lost; None: workers are not watched.

    Raises:
        ValueError: an unknown choice, an invalid `TF_CONFIG`, or only one device.
    """
    if distribute not in CHOICES:
        raise ValueError(f"`distribute` must be one of {', '.join(CHOICES)}. Received: distribute={distribute!r}")
    cluster = tf_config.parse(os.environ.get("TF_CONFIG", "")) if distribute in ("auto", "workers") else None
    gpus = tf.config.list_physical_devices("GPU")
    if distribute == "workers" and (cluster is None or len(cluster.addresses) < 2):
        raise ValueError(
            "`distribute` workers needs the environment variable TF_CONFIG, which lists at least two workers. "
            f"Received: TF_CONFIG={os.environ.get('TF_CONFIG', '')!r}"
        )
    if cluster is not None and len(cluster.addresses) > 1:
        report(f"Worker {cluster.index} of {len(cluster.addresses)}: waiting for all to start.")
        try:
            return Workers(tf.distribute.MultiWorkerMirroredStrategy(), cluster, lost)
        except (tf.errors.OpError, RuntimeError) as error:
            raise ValueError(f"the workers of TF_CONFIG could not start: {str(error).splitlines()[0]}") from error
    if distribute == "mirrored" or (distribute == "auto" and len(gpus) > 1):
        devices = tf.config.list_logical_devices("GPU" if gpus else "CPU")
        if len(devices) < 2:
            raise ValueError(f"`distribute` mirrored needs at least two GPUs. Received: {len(gpus)} GPUs")
        return Workers(tf.distribute.MirroredStrategy([device.name for device in devices]))
    return Workers()


class Workers:
    """The workers of a training run, as seen from one of them.

    The first worker is the chief: only it reads and writes the run folder, and it sends data to the others by
    `from_chief` and `copy_from_chief`. Weights and optimizers are identical on all workers after each step, because
    TensorFlow sums their gradients; `loop.fit` synchronizes everything else.

    Args:
        strategy: `tf.distribute.Strategy`, or None: only this process, on one device.
        cluster: the workers, if there are several.
        lost: as in `start`.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy | None = None,
        cluster: tf_config.Cluster | None = None,
        lost: Callable[[str], None] | None = None,
    ) -> None:
        self.strategy = strategy
        self.cluster = cluster
        self._lost = lost
        self.index = cluster.index if cluster else 0
        self.count = len(cluster.addresses) if cluster else 1
        self.is_chief = self.index == 0
        self.replicas = strategy.num_replicas_in_sync if strategy else 1
        self.share = (self.index, self.count)
        self._sum = tf.function(self._sum_of_workers, input_signature=[tf.TensorSpec([None], tf.float32)])

    def watched(self) -> contextlib.AbstractContextManager[None]:
        """Returns a context in which the loss of a worker ends this process; no worker may exit before its end."""
        return self.cluster.watched(self._lost) if self.cluster and self._lost else contextlib.nullcontext()

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Returns the context in which models, metrics and optimizers must be created."""
        return self.strategy.scope() if self.strategy else contextlib.nullcontext()

    def check(self, batch_size: int) -> None:
        """Raises ValueError if a batch cannot be divided evenly."""
        if batch_size % self.replicas:
            raise ValueError(
                f"`batch_size` is the total for all devices and must be a multiple of their number, {self.replicas}. "
                f"Received: batch_size={batch_size}"
            )

    def who_is_gone(self) -> str | None:
        """Returns a line that names the lost workers, or None."""
        if self.cluster is None:
            return None
        gone = self.cluster.gone()
        return self.cluster.lost(gone) if gone else None

    def total(self, values: np.ndarray) -> np.ndarray:
        """Returns the sum of a float32 `(n,)` over all workers. Every worker must call it."""
        if self.count == 1:
            return values
        try:
            return self._sum(tf.constant(values, tf.float32)).numpy()
        except tf.errors.OpError as error:
            raise WorkerLost(self.who_is_gone() or str(error).splitlines()[0]) from error

    def from_chief(self, make: Callable[[], Any]) -> Any:
        """Runs `make` on the chief and returns its JSON-serializable result on every worker. Every worker must call it.

        Raises:
            Followed: on the other workers, if `make` raised an exception; the chief raises that exception itself.
        """
        if self.count == 1:
            return make()
        answer, failure = {}, None
        if self.is_chief:
            try:
                answer = {"value": make()}
            except Exception as error:
                failure = error
        answer = json.loads(self._bytes_from_chief(json.dumps(answer).encode()))
        if failure is not None:
            raise failure
        if "value" not in answer:
            raise Followed("the first worker failed; see its output")
        return answer["value"]

    def copy_from_chief(self, variables: Iterable[keras.Variable | tf.Variable]) -> None:
        """Copies the values of variables from the chief's first device to all devices."""
        if self.strategy is None:
            return
        groups = [copies(variable) for variable in variables]
        values = [group[0].numpy() for group in groups]
        if self.count > 1:
            content = self._bytes_from_chief(b"".join(value.tobytes() for value in values))
            ends = itertools.accumulate(value.nbytes for value in values)
            values = [
                np.frombuffer(content[end - value.nbytes : end], value.dtype).reshape(value.shape)
                for value, end in zip(values, ends)
            ]
        for group, value in zip(groups, values):
            for copy in group:
                copy.assign(value)

    def replicated(self, build: Callable[[], keras.Model]) -> keras.Model:
        """Builds a model on the chief with `build`, and returns its copy on all devices of all workers.

        `build` is not called on the others, so only the chief needs the files that it reads.
        """
        if self.strategy is None:
            return build()
        original = None

        def description():
            nonlocal original
            original = build()
            return keras.saving.serialize_keras_object(original)

        described = self.from_chief(description)
        with self.scope():
            model = keras.saving.deserialize_keras_object(described)
        for weight, value in zip(model.weights, original.get_weights() if original is not None else []):
            copies(weight)[0].assign(value)
        self.copy_from_chief(model.weights)
        return model

    def first(self, values: Any) -> Any:
        """Returns the values on this process's first device from a result of `strategy.run`."""
        strategy = self.strategy or tf.distribute.get_strategy()
        return tf.nest.map_structure(lambda value: strategy.experimental_local_results(value)[0], values)

    def _sum_of_workers(self, values):
        n_local = self.replicas // self.count

        def replica():
            context = tf.distribute.get_replica_context()
            is_first = tf.equal(context.replica_id_in_sync_group % n_local, 0)
            return context.all_reduce("sum", tf.where(is_first, values, 0.0))

        return self.first(self.strategy.run(replica))

    def _bytes_from_chief(self, content):
        """Returns the chief's bytes on all workers; `content` of the others is ignored."""
        length = self._part_from_chief(len(content).to_bytes(8, "little"))
        size = int.from_bytes(length, "little")
        whole = content if self.is_chief else bytes(size)
        step = 2 * _CHUNK
        parts = [self._part_from_chief(whole[begin : begin + step]) for begin in range(0, size, step)]
        return b"".join(parts)

    def _part_from_chief(self, content):
        """Returns the chief's bytes on all workers; the others' `content` must have the same length.

        Workers can only sum, and every device can sum float32. That holds all numbers from 0 to 65535 exactly, so two
        bytes travel as one number. The others add zeros.
        """
        padded = content + b"\0" if len(content) % 2 else content
        numbers = np.frombuffer(padded, "<u2").astype(np.float32)
        if not self.is_chief:
            numbers = np.zeros_like(numbers)
        return self.total(numbers).astype("<u2").tobytes()[: len(content)]
