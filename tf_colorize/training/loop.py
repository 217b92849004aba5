"""The training loop: `keras.Model.fit` on one device, the same on several."""

from __future__ import annotations

import typing
from collections.abc import Sequence

from tf_colorize import installation
from tf_colorize.training import distribution

with installation.explained():
    import keras
    import tensorflow as tf


class Saver(typing.Protocol):
    """The interface of `checkpoints.Checkpoints` for `fit`: a stop requested on this worker, and the common
    decision."""

    stop_requested: bool
    stop_agreed: bool


def create_metrics(workers: distribution.Workers, model: keras.Model, dataset: tf.data.Dataset) -> None:
    """Creates the variables of metrics, which Keras would create in the first step."""
    if workers.strategy is None:
        model.evaluate(dataset.take(1), verbose=0)
        return
    with workers.scope():
        model._symbolic_build(data_batch=next(iter(dataset)))


def fit(
    workers: distribution.Workers,
    model: keras.Model,
    batches: tf.data.Dataset,
    steps_per_epoch: int,
    epochs: range,
    validation: tf.data.Dataset,
    callbacks: Sequence[keras.callbacks.Callback],
    saver: Saver,
) -> None:
    """Trains a model created in `workers.scope`, as `keras.Model.fit` does; all workers must call it.

    With several workers, `fit` of Keras 3 passes all parts of a batch to the layers at once, and fails. With a single
    device, this function calls that method. Moving statistics, running metrics and stop requests are averaged in one
    message per step, so all state is identical on all workers after each step, and the chief can write a checkpoint
    without further communication.

    Args:
        workers: `distribution.Workers`.
        model: compiled `keras.Model`.
        batches: this worker's share of each batch.
        steps_per_epoch: int.
        epochs: range of the epochs to train.
        validation: this worker's share of the validation data.
        callbacks: `keras.callbacks.Callback`s; `saver` must be among them.
        saver: `checkpoints.Checkpoints`; a stop requested from it on any worker stops all after the same step.
    """
    if workers.strategy is None:
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
    train, test, results = _functions(workers, model)
    stream = iter(batches)
    watched.on_train_begin()
    for epoch in epochs:
        _reset(model)
        watched.on_epoch_begin(epoch)
        for step in range(steps_per_epoch):
            watched.on_train_batch_begin(step)
            logs, stop = train(_parts(workers, next(stream)), tf.constant(float(saver.stop_requested)))
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


def _functions(workers, model):
    """Returns a training step, a validation step, and a function for the results of validation."""
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
        return workers.first(workers.strategy.run(train_replica, args=(batch, stop)))

    @tf.function(autograph=False, reduce_retracing=True)
    def test(batch):
        # All devices of a worker validate the same photos, which takes no longer than on one.
        workers.strategy.run(model.test_step, args=(batch,))

    @tf.function(autograph=False)
    def results():
        return workers.first(workers.strategy.run(results_replica))

    return train, test, results


def _parts(workers, batch):
    """Divides a worker's batch among its devices."""
    n_local = workers.replicas // workers.count
    if n_local == 1:
        return batch
    parts = [
        tf.nest.map_structure(lambda tensor, place=place: tf.split(tensor, n_local)[place], batch)
        for place in range(n_local)
    ]
    first = workers.index * n_local
    return workers.strategy.experimental_distribute_values_from_function(
        lambda context: parts[context.replica_id_in_sync_group - first]
    )


def _statistics(model):
    """Returns the state that each device updates separately: moving statistics of trainable layers."""
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
    """Returns the means of tensors over all replicas, computed in one message."""
    sizes = [value.shape.num_elements() for value in values]
    flat = tf.concat([tf.reshape(tf.cast(value, tf.float32), [-1]) for value in values], axis=0)
    means = tf.distribute.get_replica_context().all_reduce("mean", flat)
    return [tf.reshape(mean, value.shape) for mean, value in zip(tf.split(means, sizes), values)]


def _reset(model):
    for variable in model.metrics_variables:
        for copy in distribution.copies(variable):
            copy.assign(tf.zeros_like(copy))
