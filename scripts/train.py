"""Trains a colorizer: `python scripts/train.py --mode gan`."""

import argparse
import sys
import warnings

from tf_colorize import quiet

# A few minutes on a laptop: small pictures, and "epochs" that do not depend on five photos.
SAMPLE_DEFAULTS = {"image_size": 128, "steps_per_epoch": 10}

EPILOG = """\
examples:
  python scripts/train.py --mode gan                        embedded sample photos, about 5 minutes on 2 cores
  python scripts/train.py --mode gan --data photos          stage 1 and stage 2 on your photos
  python scripts/train.py --mode pretrain --data photos     stage 1 alone
  python scripts/train.py --mode gan --generator unet --data photos    pix2pix as in its paper
  python scripts/train.py --mode gan --data photos --init saved_models/colorizer/1    fine-tuning
  python scripts/train.py --resume runs/colorizer           go on after an interruption
"""


def build_parser():
    with quiet.startup():
        from tf_colorize import losses, train_config

    parser = argparse.ArgumentParser(
        description="Train a colorizer: stage 1 teaches the generator on a plain loss, stage 2 adds the discriminator.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    defaults = train_config.TrainConfig()

    def add(group, name, text, **options):
        group.add_argument(f"--{name.replace('_', '-')}", default=None, help=text.replace("%", "%%"), **options)

    group = parser.add_argument_group("what to train")
    add(
        group,
        "mode",
        f"gan: stage 1, then stage 2; pretrain: stage 1 alone (default {defaults.mode})",
        choices=["gan", "pretrain"],
    )
    add(
        group,
        "generator",
        "resnet18_unet: pretrained encoder, best on few photos; unet: pix2pix exactly as in its "
        f"paper, from scratch (default {defaults.generator})",
        choices=list(train_config.SIZE_MULTIPLES),
    )
    add(
        group,
        "encoder_weights",
        "auto: ImageNet weights where they are cached or can be fetched; imagenet: or fail; "
        "none: untrained; or a file (default auto: pretrained features save most of the training)",
    )
    add(group, "init", "start from a trained generator: run folder, .keras, .weights.h5 or SavedModel (default none)")
    group = parser.add_argument_group("photos")
    add(group, "data", "folder of colour photos, nested, any size and format; or tfds:NAME (default: sample photos)")
    add(group, "val_data", "the same, for validation (default: photos held out of --data)")
    add(
        group,
        "val_fraction",
        f"share held out when there is no --val-data (default {defaults.val_fraction})",
        type=float,
    )
    group = parser.add_argument_group("size and length")
    add(
        group,
        "image_size",
        f"pixels a side (default {defaults.image_size}, the paper's; 128 on the sample photos: a quarter of the time)",
        type=int,
    )
    add(group, "batch_size", f"(default {defaults.batch_size}: batch normalisation wants more than a few)", type=int)
    add(
        group,
        "pretrain_epochs",
        "stage 1 (default 20, where L1 has levelled off; 0 for unet, as in the paper)",
        type=int,
    )
    add(group, "epochs", f"stage 2 (default {defaults.epochs}; the best one is kept)", type=int)
    add(group, "steps_per_epoch", "(default one pass over the photos; 10 on the sample photos)", type=int)
    group = parser.add_argument_group("losses and optimizers")
    add(
        group,
        "pretrain_loss",
        "l1: the known recipe; classification: chroma as a distribution over ab bins, more "
        f"colour (default {defaults.pretrain_loss})",
        choices=["l1", "classification"],
    )
    add(
        group,
        "rebalance",
        "classification: 1 weighs all colours alike, less favours rare ones (default 0.5, Zhang et al. 2016)",
        type=float,
    )
    add(
        group,
        "lambda_l1",
        f"weight of L1 against the GAN loss (default {defaults.lambda_l1:g}, the paper's; less is "
        "more vivid and less safe)",
        type=float,
    )
    add(group, "gan_loss", f"(default {defaults.gan_loss}, the paper's)", choices=list(losses.GAN_LOSSES))
    group.add_argument(
        "--spectral-norm",
        action="store_true",
        default=None,
        help="spectral normalisation in the discriminator: calmer (default off, as in the paper)",
    )
    add(group, "pretrain_learning_rate", f"peak of stage 1 (default {defaults.pretrain_learning_rate:g})", type=float)
    add(group, "learning_rate", f"stage 2, both networks (default {defaults.learning_rate:g}, the paper's)", type=float)
    add(
        group,
        "average",
        "decay of the averaged weights that are validated and kept (default 0.999; unet: 0)",
        type=float,
    )
    group = parser.add_argument_group("run")
    add(group, "run_dir", f"where everything goes (default {defaults.run_dir})")
    add(
        group,
        "precision",
        "auto: mixed_bfloat16 where the processor has it, two to three times as fast; else float32",
        choices=["auto", "float32", "mixed_bfloat16"],
    )
    add(group, "seed", f"(default {defaults.seed})", type=int)
    group.add_argument(
        "--deterministic", action="store_true", default=None, help="reproducible to the last bit, slower (default off)"
    )
    group.add_argument("--resume", metavar="RUN_DIR", help="go on from the last checkpoint; takes no other option")
    return parser


def read_config(arguments):
    """Returns (TrainConfig, resume) for parsed arguments."""
    from tf_colorize import train_config

    given = {key: value for key, value in vars(arguments).items() if value is not None}
    run_dir = given.pop("resume", None)
    if run_dir is None:
        if "data" not in given:
            given = {**SAMPLE_DEFAULTS, **given}
            if given.get("generator") == "unet":
                given.setdefault("image_size", 256)
        return train_config.TrainConfig(**given), False
    if given:
        raise ValueError(f"`--resume` goes on as configured and takes no other option. Received: {', '.join(given)}")
    return train_config.load(run_dir), True


def main(argv=None):
    arguments = build_parser().parse_args(argv)
    warnings.formatwarning = lambda message, *_: f"train.py: {message}\n"
    with quiet.startup():
        from tf_colorize import checkpoints, training

    try:
        config, resume = read_config(arguments)
        training.train(config, resume=resume, report=lambda line: print(line, flush=True))
    except checkpoints.TrainingStopped as stop:
        print(f"train.py: {stop}\nGo on with: python scripts/train.py --resume {config.run_dir}", file=sys.stderr)
        return 1
    except (ValueError, OSError) as error:
        print(f"train.py: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
