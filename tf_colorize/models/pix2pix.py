"""The adversarial trainer of the pix2pix paper, for any paired image-to-image task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tf_colorize import losses, optimizers
from tf_colorize.models import anatomy, blocks

# Isola et al. 2017, section 3.3.
LEARNING_RATE = 2e-4
BETA_1 = 0.5

LOG_KEYS = ("g_loss", "g_gan_loss", "g_l1_loss", "d_loss", "d_real_loss", "d_fake_loss")


@keras.saving.register_keras_serializable(package="tf_colorize")
class Pix2Pix(keras.Model):
    """A generator and a discriminator, trained against each other on pairs (condition, target).

    Use it if pairs exist and a plain loss gives blurred results: the discriminator sees condition and result together
    and learns the part of the loss that L1 lacks. Each step runs the generator once, updates the discriminator on a
    real and a generated batch (with its loss halved), then the generator on `gan + lambda_l1 * L1` and the losses in
    `terms`. Calling the model, `predict` and export use the generator alone.

    A generator that returns the mean of a distribution loses color with L1, which prefers a mean near gray. Use a term
    with `losses.Classification` instead, the loss of its distribution. `losses.smoothness` reduces blotches on plain
    surfaces.

    Sample weights apply to all losses of both networks.

    Source: Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial
    Networks".

    Args:
        generator: Functional model, condition -> target.
        discriminator: Functional model, [condition, target] -> logits.
        lambda_l1: float, weight of the loss given to `compile` (L1) against the adversarial one.
        terms: list of `losses.Term`, further losses of the generator.

    Input and output shape: the generator's.

    Example:
    >>> model = Pix2Pix(unet(), patchgan(), lambda_l1=100.0)
    >>> model.compile(metrics=[DeltaE()])
    >>> model.fit(train, validation_data=valid, epochs=20)
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        lambda_l1: float = 100.0,
        terms: Sequence[losses.Term] = (),
        name: str = "pix2pix",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.generator = generator
        self.discriminator = discriminator
        self.lambda_l1 = lambda_l1
        self.terms = tuple(term for term in terms if term.weight)
        log_keys = (*LOG_KEYS, *(f"g_{term.name}_loss" for term in self.terms))
        # The inputs of the losses, in one pass.
        self.heads = keras.Model(generator.input, anatomy.heads(generator), name="heads")
        self.trackers = [keras.metrics.Mean(name=key) for key in log_keys]
        self.build(generator.input_shape)

    def build(self, input_shape):
        self.built = True  # both networks are Functional models and already built

    def call(self, inputs, training=False):
        return self.generator(inputs, training=training)

    def compile(
        self,
        optimizer="auto",
        loss="mae",
        metrics=None,
        *,
        discriminator_optimizer="auto",
        gan_loss="vanilla",
        weighted_metrics=None,
        run_eagerly=False,
        jit_compile="auto",
    ):
        """Configures the training.

        Args:
            optimizer: the generator's, on which standard callbacks act. "auto": the paper's Adam with learning rate
                2e-4 and beta_1 0.5.
            loss: str or Keras loss between target and result, weighted by `lambda_l1`.
            metrics: Keras metrics of (target, result).
            discriminator_optimizer: the discriminator's; "auto" as above.
            gan_loss: "vanilla", "lsgan", "hinge" or a Keras loss on logits.
            weighted_metrics, run_eagerly, jit_compile: as for `keras.Model.compile`.

        Raises:
            ValueError: an unknown loss, or layers in mixed_float16, whose loss scaling supports
                only one optimizer.
        """
        self._refuse_float16()
        self._discriminator_loss, self._generator_loss = losses.get_gan_loss(gan_loss)
        self._l1 = losses.per_sample(loss)
        keras_settings = {
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
            "run_eagerly": run_eagerly,
            "jit_compile": jit_compile,
        }
        super().compile(optimizer=_optimizer(optimizer), loss=loss, **keras_settings)
        self.discriminator_optimizer = _optimizer(discriminator_optimizer)
        # In a closure, because Keras would track metrics in an attribute as new state of the model.
        self._compile_arguments = lambda: {
            "optimizer": self.optimizer,
            "loss": loss,
            **keras_settings,
            "discriminator_optimizer": self.discriminator_optimizer,
            "gan_loss": gan_loss,
        }
        self.optimizer.build(self.generator.trainable_variables)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)

    def train_step(self, data):
        condition, target, weights = _unpacked(data)
        with tf.GradientTape() as tape:
            heads = self.heads(condition, training=True)
            fake = heads["ab"]
            with tape.stop_recording():
                d_losses = self._train_discriminator(condition, target, fake, weights)
            with blocks.frozen_statistics(blocks.FusedBatchNormalization, blocks.SpectralConv2D):
                # These layers have already seen this batch; otherwise generated pictures would count twice.
                fake_logits = self.discriminator([condition, fake], training=True)
            g_losses = self._generator_losses(condition, target, heads, fake_logits, weights)
            scaled = losses.per_replica(g_losses["g_loss"])
        variables = self.generator.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(scaled, variables), variables))
        return self._log({**g_losses, **d_losses}, target, fake, weights)

    def test_step(self, data):
        condition, target, weights = _unpacked(data)
        heads = self.heads(condition, training=False)
        fake = heads["ab"]
        real_logits = self.discriminator([condition, target], training=False)
        fake_logits = self.discriminator([condition, fake], training=False)
        g_losses = self._generator_losses(condition, target, heads, fake_logits, weights)
        d_losses = self._discriminator_losses(real_logits, fake_logits, weights)
        return self._log({**g_losses, **d_losses}, target, fake, weights)

    def _train_discriminator(self, condition, target, fake, weights):
        with tf.GradientTape() as tape:
            real_logits = self.discriminator([condition, target], training=True)
            with blocks.frozen_statistics(blocks.SpectralConv2D):  # both with the same normalization
                fake_logits = self.discriminator([condition, fake], training=True)
            d_losses = self._discriminator_losses(real_logits, fake_logits, weights)
            scaled = losses.per_replica(d_losses["d_loss"])
        variables = self.discriminator.trainable_variables
        self.discriminator_optimizer.apply_gradients(zip(tape.gradient(scaled, variables), variables))
        return d_losses

    def _discriminator_losses(self, real_logits, fake_logits, weights):
        real, fake = self._discriminator_loss(real_logits, fake_logits, weights)
        # Halved, as in the paper, to slow the discriminator down relative to the generator.
        return {"d_loss": 0.5 * (real + fake), "d_real_loss": real, "d_fake_loss": fake}

    def _generator_losses(self, condition, target, heads, fake_logits, weights):
        gan = self._generator_loss(fake_logits, weights)
        l1 = losses.weighted_mean(self._l1(target, heads["ab"]), weights)
        parts = {"g_loss": gan + self.lambda_l1 * l1, "g_gan_loss": gan, "g_l1_loss": l1}
        for term in self.terms:
            loss = losses.weighted_mean(term.function(condition, target, heads), weights)
            parts[f"g_{term.name}_loss"] = loss
            parts["g_loss"] += term.weight * loss
        return parts

    def _log(self, step_losses, target, fake, weights):
        for tracker in self.trackers:
            tracker.update_state(step_losses[tracker.name], sample_weight=keras.ops.shape(target)[0])
        logs = {tracker.name: tracker.result() for tracker in self.trackers}
        if self._compile_metrics is not None:
            self._compile_metrics.update_state(target, fake, weights)
            logs.update(self._compile_metrics.result())
        return logs

    def _refuse_float16(self):
        networks = (self.generator, self.discriminator)
        layers = [layer for network in networks for layer in network._flatten_layers()]
        half = [layer.name for layer in layers if layer.compute_dtype == "float16"]
        if half:
            raise ValueError(
                "`Pix2Pix` has two optimizers and cannot scale the losses that mixed_float16 needs: "
                f"use mixed_bfloat16 or float32. Received: float16 layers {', '.join(half[:3])}"
            )

    def get_config(self):
        return {
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
            "lambda_l1": self.lambda_l1,
            "terms": [keras.saving.serialize_keras_object(term) for term in self.terms],
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config):
        objects = {
            key: keras.saving.deserialize_keras_object(config[key]) for key in ("generator", "discriminator", "terms")
        }
        return cls(**{**config, **objects})

    def get_compile_config(self):
        return keras.saving.serialize_keras_object(self._compile_arguments())

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))


def _unpacked(data):
    """Returns condition, target and the samples' weights `(batch,)`, or None, as tensors."""
    # When running eagerly, Keras passes arrays unchanged.
    condition, target, weights = tf.nest.map_structure(
        lambda part: None if part is None else tf.convert_to_tensor(part), keras.utils.unpack_x_y_sample_weight(data)
    )
    if weights is None:
        return condition, target, None
    if weights.shape.rank is not None and any(side != 1 for side in weights.shape[1:]):
        raise ValueError(
            "`sample_weight` must be one number per sample, because the discriminator judges patches that pixels "
            f"share. Received: sample_weight of shape {tuple(weights.shape)}"
        )
    return condition, target, tf.reshape(weights, tf.shape(target)[:1])


def _optimizer(identifier):
    if identifier == "auto":
        return optimizers.FusedAdam(LEARNING_RATE, beta_1=BETA_1)
    return keras.optimizers.get(identifier)
