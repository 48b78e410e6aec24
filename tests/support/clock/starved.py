"""Tells for how long processes of this machine have waited for a processor."""

from __future__ import annotations

from pathlib import Path

#: Linux pressure stall information (https://docs.kernel.org/accounting/psi.html).
_PRESSURE = Path("/proc/pressure/cpu")


def seconds_starved() -> float:
    """Seconds for which some process of this machine has waited for a processor; 0 if unknown."""
    if not _PRESSURE.exists():
        return 0.0
    some, *_ = _PRESSURE.read_text().splitlines()
    return int(some.rpartition("total=")[2]) / 1_000_000
