"""Networks and the adversarial trainer: functions that return Functional models, and `Pix2Pix`."""

from tf_colorize import installation

with installation.explained():
    from tf_colorize.models.patchgan import patchgan
    from tf_colorize.models.pix2pix import Pix2Pix
    from tf_colorize.models.resnet18_unet import resnet18_unet
    from tf_colorize.models.unet import unet

__all__ = ["Pix2Pix", "patchgan", "resnet18_unet", "unet"]
