"""One training on several devices or machines: the strategy, this process's part in it, and the loop."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import typing
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_colorize.training import cluster as clusters

CHOICES = ("auto", "none", "mirrored", "workers")
_CHUNK = 2**22  # numbers per message of `Workers.from_chief`


class Saver(typing.Protocol):
    """What `Workers.fit` needs of `checkpoints.Checkpoints`: whether a stop is asked for here, and decided by all."""

    stop_requested: bool
    stop_agreed: bool


class ChiefStopped(Exception):
    """The chief could not go on and has said why."""


class WorkerLost(Exception):
    """Another worker is gone; the message says which."""


def copies(variable: keras.Variable | tf.Variable) -> tuple[tf.Variable, ...]:
    """Returns the `tf.Variable` of each device of this process that a variable consists of."""
    value = variable.value if isinstance(variable, keras.Variable) else variable
    return value.values if isinstance(value, tf.distribute.DistributedValues) else (value,)


def start(
    distribute: str = "auto",
    report: Callable[[str], None] = print,
    lost: Callable[[str], None] | None = None,
) -> Workers:
    """Returns this process's part in a training; must run before TensorFlow computes anything.

    Args:
        distribute: "none": one device. "mirrored": all GPUs of this machine, or all logical
            processors that TensorFlow was given. "workers": the processes that the environment
            variable `TF_CONFIG` lists, each with all of its GPUs; returns when all have started.
            "auto": "workers" if `TF_CONFIG` lists several, "mirrored" if there are several GPUs.
        report: function of one str, called with what is waited for.
        lost: as `cluster.Cluster.watched` takes it, called when another worker is gone; None:
            nobody watches.

    Raises:
        ValueError: another choice, a `TF_CONFIG` that cannot be used, or nothing to distribute to.
    """
    if distribute not in CHOICES:
        raise ValueError(f"`distribute` must be one of {', '.join(CHOICES)}. Received: distribute={distribute!r}")
    cluster = clusters.parse(os.environ.get("TF_CONFIG", "")) if distribute in ("auto", "workers") else None
    gpus = tf.config.list_physical_devices("GPU")
    if distribute == "workers" and (cluster is None or len(cluster.addresses) < 2):
        raise ValueError(
            "`distribute` workers needs the environment variable TF_CONFIG, which lists at least two workers. "
            f"Received: TF_CONFIG={os.environ.get('TF_CONFIG', '')!r}"
        )
    if cluster is not None and len(cluster.addresses) > 1:
        report(f"Worker {cluster.index} of {len(cluster.addresses)}: waiting until all have started.")
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
    """The processes of a training, as seen from one of them.

    The first worker is the chief: it alone reads and writes the run folder, and what it knows goes
    to the others by `from_chief` and `copy_from_chief`. Weights and optimizers are the same on all
    after each step, because TensorFlow sums their gradients. `fit` keeps everything else the same:
    moving statistics, running metrics and the wish to stop are averaged in one message per step. So
    the chief can write a checkpoint at any step without asking the others.

    Args:
        strategy: `tf.distribute.Strategy`, or None: this process alone on one device.
        cluster: the workers, if there are several.
        lost: as in `start`.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy | None = None,
        cluster: clusters.Cluster | None = None,
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
        """Returns the context in which a worker that is gone ends this process; the others must not end before."""
        return self.cluster.watched(self._lost) if self.cluster and self._lost else contextlib.nullcontext()

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Returns the context in which models, metrics and optimizers must be made."""
        return self.strategy.scope() if self.strategy else contextlib.nullcontext()

    def check(self, batch_size: int) -> None:
        """Raises ValueError if a batch cannot be divided evenly."""
        if batch_size % self.replicas:
            raise ValueError(
                f"`batch_size` is that of all devices together and must be a multiple of their number, "
                f"{self.replicas}. Received: batch_size={batch_size}"
            )

    def loss(self) -> str | None:
        """Returns the line on workers that are gone, or None if all are there."""
        if self.cluster is None:
            return None
        gone = self.cluster.gone()
        return self.cluster.lost(gone) if gone else None

    def total(self, values: np.ndarray) -> np.ndarray:
        """Returns the sum over all workers of a float32 `(n,)`; all must call it."""
        if self.count == 1:
            return values
        try:
            return self._sum(tf.constant(values, tf.float32)).numpy()
        except tf.errors.OpError as error:
            raise WorkerLost(self.loss() or str(error).splitlines()[0]) from error

    def from_chief(self, make: Callable[[], Any]) -> Any:
        """Returns what `make` returns on the chief, a value for JSON, on all workers; all must call it.

        Raises:
            ChiefStopped: on the others, if `make` raised an exception, which the chief raises.
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
            raise ChiefStopped("the chief could not go on")
        return answer["value"]

    def copy_from_chief(self, variables: Iterable[keras.Variable | tf.Variable]) -> None:
        """Gives variables the values that they have on the chief's first device, on all devices."""
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
        """Returns the model that `build` makes on the chief, on all devices of all workers.

        `build` is not called on the others, so files that it reads must be on the chief only.
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

    def create_metrics(self, model: keras.Model, dataset: tf.data.Dataset) -> None:
        """Creates the variables that Keras otherwise creates in the first step."""
        if self.strategy is None:
            model.evaluate(dataset.take(1), verbose=0)
            return
        with self.scope():
            model._symbolic_build(data_batch=next(iter(dataset)))

    def fit(
        self,
        model: keras.Model,
        batches: tf.data.Dataset,
        steps_per_epoch: int,
        epochs: range,
        validation: tf.data.Dataset,
        callbacks: Sequence[keras.callbacks.Callback],
        saver: Saver,
    ) -> None:
        """Trains a model that was made in `scope`, as `keras.Model.fit` does; all must call it.

        `fit` of Keras 3 hands the parts of a batch to the layers all at once where there are several
        workers, and fails. Alone, this is that method.

        Args:
            model: compiled `keras.Model`.
            batches: this worker's share of each batch.
            steps_per_epoch: int.
            epochs: which epochs to train.
            validation: this worker's share of the validation data.
            callbacks: `keras.callbacks.Callback`s; `saver` must be among them.
            saver: `checkpoints.Checkpoints`; a stop requested of it on any worker stops all after the same step.
        """
        if self.strategy is None:
            model.fit(
                batches,
                steps_per_epoch=steps_per_epoch,
                initial_epoch=epochs.start,
                epochs=epochs.stop,
                validation_data=validation,
                callbacks=list(callbacks),
                shuffle=False,
                verbose=0,
            )
            return
        watched = keras.callbacks.CallbackList(list(callbacks), model=model, epochs=epochs.stop, steps=steps_per_epoch)
        train, test, results = self._functions(model)
        stream = iter(batches)
        watched.on_train_begin()
        for epoch in epochs:
            _reset(model)
            watched.on_epoch_begin(epoch)
            for step in range(steps_per_epoch):
                watched.on_train_batch_begin(step)
                logs, stop = train(self._parts(next(stream)), tf.constant(float(saver.stop_requested)))
                logs = {name: float(value) for name, value in logs.items()}
                saver.stop_agreed = saver.stop_agreed or bool(stop > 0)
                watched.on_train_batch_end(step, logs)
            _reset(model)
            watched.on_test_begin()
            for batch in validation:
                test(batch)
            found = {name: float(value) for name, value in results().items() if name in logs}
            watched.on_test_end(found)
            logs |= {f"val_{name}": value for name, value in found.items()}
            watched.on_epoch_end(epoch, logs)
        watched.on_train_end(logs)

    def _functions(self, model):
        """Returns a training step, a validation step, and what gives the results of validation."""
        own = [*_statistics(model), *model.metrics_variables]

        def train_replica(batch, stop):
            logs = model.train_step(batch)
            *values, stop = _averaged([*(_value(variable) for variable in own), *logs.values(), stop])
            for variable, value in zip(own, values):
                _assign(variable, value)
            return dict(zip(logs, values[len(own) :])), stop

        def results_replica():
            values = _averaged([_value(variable) for variable in model.metrics_variables])
            for variable, value in zip(model.metrics_variables, values):
                _assign(variable, value)
            return model.get_metrics_result()

        @tf.function(autograph=False)
        def train(batch, stop):
            return self._first(self.strategy.run(train_replica, args=(batch, stop)))

        @tf.function(autograph=False, reduce_retracing=True)
        def test(batch):
            # Each of a worker's devices validates the same photos, which takes as long as if one did.
            self.strategy.run(model.test_step, args=(batch,))

        @tf.function(autograph=False)
        def results():
            return self._first(self.strategy.run(results_replica))

        return train, test, results

    def _parts(self, batch):
        """Divides a worker's batch among its devices."""
        n_local = self.replicas // self.count
        if n_local == 1:
            return batch
        parts = [
            tf.nest.map_structure(lambda tensor, place=place: tf.split(tensor, n_local)[place], batch)
            for place in range(n_local)
        ]
        first = self.index * n_local
        return self.strategy.experimental_distribute_values_from_function(
            lambda context: parts[context.replica_id_in_sync_group - first]
        )

    def _first(self, values):
        return tf.nest.map_structure(lambda value: self.strategy.experimental_local_results(value)[0], values)

    def _sum_of_workers(self, values):
        n_local = self.replicas // self.count

        def replica():
            context = tf.distribute.get_replica_context()
            is_first = tf.equal(context.replica_id_in_sync_group % n_local, 0)
            return context.all_reduce("sum", tf.where(is_first, values, 0.0))

        return self._first(self.strategy.run(replica))

    def _bytes_from_chief(self, content):
        size = int.from_bytes(self._halves_from_chief(len(content).to_bytes(8, "little")), "little")
        whole = content if self.is_chief else bytes(size)
        step = 2 * _CHUNK
        parts = [self._halves_from_chief(whole[begin : begin + step]) for begin in range(0, size, step)]
        return b"".join(parts)

    def _halves_from_chief(self, content):
        """Sends bytes two at a time as float32: exact, and a type that every device can sum."""
        padded = content + bytes(len(content) % 2)
        halves = np.frombuffer(padded, "<u2").astype("float32") * self.is_chief
        return self.total(halves).astype("<u2").tobytes()[: len(content)]


def _statistics(model):
    """Returns what each device collects by itself: moving statistics of layers that are trained."""
    return [
        variable
        for layer in model._flatten_layers(include_self=False)
        if layer.trainable and isinstance(layer, keras.layers.BatchNormalization)
        for variable in layer.non_trainable_variables
    ]


def _value(variable):
    return tf.cast(tf.convert_to_tensor(variable.value), tf.float32)


def _assign(variable, value):
    variable.value.assign(tf.cast(value, variable.dtype))


def _averaged(values):
    """Returns the means of tensors over all replicas; they travel as one."""
    sizes = [value.shape.num_elements() for value in values]
    flat = tf.concat([tf.reshape(tf.cast(value, tf.float32), [-1]) for value in values], axis=0)
    means = tf.distribute.get_replica_context().all_reduce("mean", flat)
    return [tf.reshape(mean, value.shape) for mean, value in zip(tf.split(means, sizes), values)]


def _reset(model):
    for variable in model.metrics_variables:
        for copy in copies(variable):
            copy.assign(tf.zeros_like(copy))
