"""The outcome of a run: the best epoch, its figures, and a comparison with the initial generator."""

from __future__ import annotations

import dataclasses

RISE = 1.02  # a smaller increase of delta E is noise


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The outcome of a finished run.

    Attributes:
        stage: "stage1" or "stage2", the last one.
        epoch, epochs: the best epoch, counted from 1, and their number.
        photos: number of validation photos.
        figures: means over them, from `reports.ColorReport.measure`.
        before: the same for the initial generator; None: the run started from scratch.
    """

    stage: str
    epoch: int
    epochs: int
    photos: int
    figures: dict[str, float]
    before: dict[str, float] | None = None

    def lines(self) -> list[str]:
        """Returns the outcome as lines to print."""
        stage = self.stage.replace("stage", "stage ")
        lines = [f"kept              epoch {self.epoch} of {self.epochs} of {stage}, the best on validation"]
        photos = "photo" if self.photos == 1 else "photos"
        lines.append(f"result            {described(self.figures)}, on {self.photos} validation {photos}")
        if self.before is not None:
            lines.append(f"before            {described(self.before)}")
            worse = self.worse()
            lines.append(f"compared          {worse or 'no worse than the initial generator'}")
        return lines

    def worse(self) -> str:
        """Returns the figures that became worse, with advice, or an empty string."""
        if self.before is None:
            return ""
        reasons = []
        if self.figures["delta_e76"] > RISE * self.before["delta_e76"]:
            reasons.append(f"delta E rose from {self.before['delta_e76']:.2f} to {self.figures['delta_e76']:.2f}")
        gaps = [abs(one["colorfulness"] - one["colorfulness_truth"]) for one in (self.before, self.figures)]
        if gaps[1] > gaps[0] and balanced(self.figures) > RISE * balanced(self.before):
            reasons.append(f"colorfulness is {gaps[1]:.1f} away from that of the photos, which was {gaps[0]:.1f}")
        if not reasons:
            return ""
        advice = "start.keras in the run folder is the initial generator; fewer epochs or lower rates change it less"
        return f"WORSE than before: {' and '.join(reasons)}; {advice}"


def described(figures: dict[str, float]) -> str:
    """Returns the figures of `reports.ColorReport.measure` as text to print."""
    return (
        f"delta E {figures['delta_e76']:.2f} (gray {figures['delta_e76_gray']:.2f}), PSNR {figures['psnr']:.2f} dB, "
        f"colorfulness {figures['colorfulness']:.1f} (truth {figures['colorfulness_truth']:.1f})"
    )


def balanced(figures: dict[str, float]) -> float:
    """Returns a score of wrong color plus missing (or excess) color; lower is better.

    Args:
        figures: from `reports.ColorReport.measure`.
    """
    truth = figures["colorfulness_truth"]
    gap = abs(figures["colorfulness"] - truth) / max(truth, 1e-6)
    return figures["delta_e76"] / max(figures["delta_e76_gray"], 1e-6) + gap
