"""One process of `benchmark.py train --against pytorch`: the same networks and step in PyTorch.

It has the U-Net of 54.4 M parameters, the 70x70 PatchGAN and the usual pix2pix step in PyTorch: the discriminator on a
generated and a real batch, then the generator on BCE plus 100 L1, both with Adam(2e-4, betas 0.5 and 0.999). Prints
JSON on the last line.
"""

import argparse
import contextlib
import json

import torch
from torch import nn

from benchmarks import machine

ENCODER_FILTERS = (64, 128, 256, 512, 512, 512, 512, 512)
LAMBDA_L1 = 100.0


class Level(nn.Module):
    """A level of the U-Net that contains all deeper levels and a skip connection around them."""

    def __init__(self, channels, level):
        super().__init__()
        filters, deepest = ENCODER_FILTERS[level], level == len(ENCODER_FILTERS) - 1
        down = [nn.Conv2d(channels, filters, 4, 2, 1, bias=level == 0 or deepest)]
        if level > 0:
            down.insert(0, nn.LeakyReLU(0.2))
        if level > 0 and not deepest:
            down.append(nn.BatchNorm2d(filters))
        out = 2 if level == 0 else channels
        up = [nn.ReLU(), nn.ConvTranspose2d(filters * (1 if deepest else 2), out, 4, 2, 1, bias=level == 0)]
        up += [nn.Tanh()] if level == 0 else [nn.BatchNorm2d(out)]
        # As in tf_colorize: the three innermost blocks.
        if level >= len(ENCODER_FILTERS) - 3:
            up.append(nn.Dropout(0.5))
        deeper = [] if deepest else [Level(filters, level + 1)]
        self.outermost, self.layers = level == 0, nn.Sequential(*down, *deeper, *up)

    def forward(self, x):
        return self.layers(x) if self.outermost else torch.cat([x, self.layers(x)], 1)


def patchgan(filters=64):
    """Returns the 70x70 PatchGAN on lightness and ab."""
    layers, channels = [], 3
    for index, stride in enumerate((2, 2, 2, 1)):
        layers.append(nn.Conv2d(channels, filters * 2**index, 4, stride, 1, bias=index == 0))
        if index > 0:
            layers.append(nn.BatchNorm2d(filters * 2**index))
        layers.append(nn.LeakyReLU(0.2))
        channels = filters * 2**index
    return nn.Sequential(*layers, nn.Conv2d(channels, 1, 4, 1, 1))


def make_step(generator, discriminator, lightness, ab, autocast):
    """Returns a function without arguments that runs one step and returns the generator's loss."""
    g_optimizer = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    cross_entropy, l1 = nn.BCEWithLogitsLoss(), nn.L1Loss()

    def against(value, picture):
        with autocast():
            logits = discriminator(torch.cat([lightness, picture], 1)).float()
        return cross_entropy(logits, torch.full_like(logits, value))

    def step():
        with autocast():
            fake = generator(lightness).float()
        discriminator.requires_grad_(True)
        d_optimizer.zero_grad()
        d_loss = 0.5 * (against(0.0, fake.detach()) + against(1.0, ab))
        d_loss.backward()
        d_optimizer.step()
        discriminator.requires_grad_(False)
        g_optimizer.zero_grad()
        g_loss = against(1.0, fake) + LAMBDA_L1 * l1(fake, ab)
        g_loss.backward()
        g_optimizer.step()
        return g_loss.item()

    return step


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--precision", choices=("float32", "mixed_bfloat16"))
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--image-size", type=int)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--steps", type=int)
    arguments = parser.parse_args()
    low = arguments.precision == "mixed_bfloat16"
    layout = torch.channels_last if arguments.channels_last else torch.contiguous_format
    networks = [network.to(memory_format=layout) for network in (Level(1, 0), patchgan())]
    size = (arguments.image_size, arguments.image_size)
    lightness = torch.rand(arguments.batch_size, 1, *size) * 2 - 1
    ab = torch.rand(arguments.batch_size, 2, *size) * 0.6 - 0.3
    pictures = [picture.to(memory_format=layout) for picture in (lightness, ab)]

    def autocast():
        return torch.autocast("cpu", torch.bfloat16) if low else contextlib.nullcontext()

    with machine.OtherProcesses() as others:
        taken = machine.seconds(make_step(*networks, *pictures, autocast), arguments.steps)
    matrix = torch.randn(machine.MATRIX_SIZE, machine.MATRIX_SIZE).to(torch.bfloat16 if low else torch.float32)
    source, target = torch.zeros(2, machine.COPIED_BYTES // 4)
    rates = machine.rates(lambda: matrix @ matrix, lambda: target.copy_(source))
    print(json.dumps({"seconds": taken, "others": others.share, **rates}))


if __name__ == "__main__":
    main()
