"""The tables of `benchmark.py colorize`."""

import numpy as np

from benchmarks import machine, tables

BYTES_PER_PIXEL = 6  # three channels in, three out


def show(variants, sizes, photos, markdown, rejected):
    """Prints tables of speed, size, and ratios to the alternatives.

    Args:
        variants: list of `colorize.Variant` with their runs.
        sizes: list of megapixels.
        photos: list of the paths of the JPEG files, one per size.
        markdown: whether to print Markdown, as in the manual.
        rejected: dict from the name of a format that cannot be measured to the reason why its export was rejected.
    """
    _show_times(variants, sizes, photos, markdown, rejected)
    _show_needs(variants, sizes, markdown)
    if any(variant.alternative for variant in variants):
        _show_ratios(variants, sizes, markdown)


def _show_times(variants, sizes, photos, markdown, rejected):
    headings = ("model", "threads", *(f"{size:g} megapixels" for size in sizes), "network", "arithmetic", "memory")
    rows = []
    for variant in variants:
        taken = [_per_photo(variant.latencies(index)) for index in range(len(sizes))]
        network = variant.network_latencies()
        arithmetic = tables.share(
            variant.network.gflop / np.median(network), _best(variants, "gflops", variant), _unit(variant)
        )
        beside = np.median(variant.latencies(-1) - network)
        moved = BYTES_PER_PIXEL * sizes[-1] * 1e6 / 1e9 / beside
        memory = tables.share(moved, _best(variants, "gbytes", variant), "GB/s") if beside > 0 else "-"
        rows.append((variant.name, str(variant.threads), *taken, _milliseconds(network), arithmetic, memory))
    runs = [run for variant in variants for run in variant.runs]
    files = ", ".join(f"{path.stat().st_size / 1e6:.2g} MB" for path in photos)
    notes = (
        f"{machine.in_words()}. One photo at a time, from the bytes of its JPEG file ({files}) to pixels in color, on "
        f"as many cores as threads: medians of {len(variants[0].runs)} runs, with minimum and maximum, and photos per "
        f"second. {_networks(variants)} Network: its time alone. Arithmetic: its convolutions and matrix products in "
        f"that time, as a share of the best rate of a {machine.MATRIX_SIZE}x{machine.MATRIX_SIZE} matrix product of as "
        f"many threads ({_products(variants)}). Memory: the pixels of the largest photo, in and out, divided by the "
        f"time outside the network, as a share of a large copy ({_copies(variants)})."
    )
    reasons = (f" {name} is not measured, because its export was rejected: {why}." for name, why in rejected.items())
    tables.show(headings, rows, notes + tables.others(runs) + "".join(reasons), markdown)


def _show_needs(variants, sizes, markdown):
    headings = ("model", "on disk", "start to first photo", "imports", "loading", "first photo")
    headings += ("memory, first photo", f"memory, {sizes[-1]:g} megapixels")
    threads = max(variant.threads for variant in variants)
    rows = []
    for variant in variants:
        if variant.threads == threads:
            starts = [run["start"] for run in variant.runs]
            imported, loaded, first = (
                np.array([start[key] for start in starts]) for key in ("imported", "loaded", "first")
            )
            parts = [f"{tables.number(np.median(part))} s" for part in (imported, loaded - imported, first - loaded)]
            memory = [f"{max(run['memory'][index] for run in variant.runs) / 1e6:.0f} MB" for index in (0, -1)]
            rows.append((variant.name, _on_disk(variant.path), tables.spread(first, " s"), *parts, *memory))
    notes = (
        f"Start: from starting the process, with {threads} threads and its files in the system's cache, to a colorized "
        f"photo of {sizes[0]:g} megapixels. Memory: the peak of the whole process (interpreter, libraries, model, "
        "photo and result) until then and until the end of the largest photos, the maximum of all runs."
    )
    tables.show(headings, rows, notes, markdown)


def _show_ratios(variants, sizes, markdown):
    alternatives = dict.fromkeys(variant.alternative for variant in variants if variant.alternative)
    names = {name: next(v.name for v in variants if v.alternative == name) for name in alternatives}
    headings = ["model", "threads"]
    headings += [f"against {names[name]}, {size:g} megapixels" for name in alternatives for size in sizes]
    rows = []
    for variant in variants:
        if variant.alternative:
            continue
        ratios = [
            tables.spread(_fastest(variants, name, variant.threads, index) / variant.latencies(index), "x")
            for name in alternatives
            for index in range(len(sizes))
        ]
        rows.append((variant.name, str(variant.threads), *ratios))
    own, other = (next(v.network for v in variants if bool(v.alternative) == them) for them in (False, True))
    notes = (
        "Each ratio is the alternative's time, at its fastest precision, divided by that of tf_colorize, per round, "
        "for whole photos on the same number of threads; over 1x, tf_colorize is faster. These are different networks: "
        "the alternatives run that of Zhang et al. 2017, with random weights, which has "
        f"{tables.number(other.gflop / own.gflop)} times the arithmetic."
    )
    tables.show(headings, rows, notes, markdown)


def _fastest(variants, alternative, threads, index):
    """Returns the seconds per photo of each round, for the fastest of an alternative's precisions."""
    others = [v for v in variants if v.alternative == alternative and v.threads == threads]
    return np.min([other.latencies(index) for other in others], axis=0)


def _networks(variants):
    own, *others = dict.fromkeys((bool(variant.alternative), variant.network) for variant in variants)
    words = f"tf_colorize's network: {own[1]}."
    return words + "".join(f" The alternatives' network: {network}." for _, network in others)


def _products(variants):
    alike = {(v.dtype, v.threads): v for v in variants}
    return ", ".join(
        f"{tables.number(_best(variants, 'gflops', v))} {_unit(v)} in {dtype} on {threads}"
        for (dtype, threads), v in alike.items()
    )


def _copies(variants):
    best = {v.threads: _best(variants, "gbytes", v) for v in variants}
    return ", ".join(f"{tables.number(rate)} GB/s on {threads}" for threads, rate in best.items())


def _best(variants, rate, like):
    """Returns the best rate of all runs with the same threads and, for arithmetic, the same type."""
    same = [v for v in variants if v.threads == like.threads and (rate == "gbytes" or v.dtype == like.dtype)]
    return max(run[rate] for variant in same for run in variant.runs)


def _unit(variant):
    return "GOP/s" if variant.dtype == "int8" else "GFLOP/s"


def _per_photo(seconds):
    return f"{_milliseconds(seconds)}, {tables.number(1 / np.median(seconds))}/s"


def _milliseconds(seconds):
    return tables.spread(1000 * seconds, " ms")


def _on_disk(path):
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    return f"{tables.number(sum(file.stat().st_size for file in files) / 1e6)} MB"
