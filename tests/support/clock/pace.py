"""Owns how long processes of this machine wait for a processor, which no gap is to answer for."""

from __future__ import annotations

from pathlib import Path

# Linux's pressure stall information (PSI): https://docs.kernel.org/accounting/psi.html
_PRESSURE = Path("/proc/pressure/cpu")


def waited() -> float:
    """For how many seconds, so far, some process could have run and had no processor.

    Where the system does not tell, none has.
    """
    if not _PRESSURE.exists():
        return 0.0
    some, *_ = _PRESSURE.read_text().splitlines()
    return int(some.rpartition("total=")[2]) / 1_000_000
