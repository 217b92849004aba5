"""The number of processors that this process may use, and the choice of TensorFlow's kernels."""

from __future__ import annotations

import os
import pathlib
import platform

_CGROUP = pathlib.Path("/sys/fs/cgroup")


def usable() -> int:
    """Returns the number of processors that this process may use, at least 1.

    It is the machine's number, limited by the process's affinity (`taskset`, a cluster's scheduler) and by the quota of
    its control group (`docker run --cpus 2`), rounded up.
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota(_CGROUP)
    return count if quota is None else max(1, min(count, -(-quota[0] // quota[1])))


def prefer_onednn() -> None:
    """Enables oneDNN's kernels in TensorFlow on all x86 processors; call it before importing TensorFlow.

    By default, TensorFlow uses them only on processors with neural network instructions (VNNI, AMX), but training with
    AVX2 is faster with them, too. On other processors, or if `TF_ENABLE_ONEDNN_OPTS` is set, nothing changes.
    """
    if platform.machine() in ("x86_64", "AMD64"):
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def _quota(cgroup):
    """Returns `(microseconds of processor time, per microseconds)`, or None without a limit."""
    try:  # cgroup version 2
        quota, period = (cgroup / "cpu.max").read_text(encoding="utf-8").split()
        return None if quota == "max" else (int(quota), int(period))
    except (OSError, ValueError):
        pass
    try:  # cgroup version 1
        quota, period = (
            int((cgroup / "cpu" / f"cpu.cfs_{name}_us").read_text(encoding="utf-8")) for name in ("quota", "period")
        )
        return (quota, period) if quota > 0 else None
    except (OSError, ValueError):
        return None
