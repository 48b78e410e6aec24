"""Owns the account of datagrams that no association takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.transport.dtls.receipt import Receipt
from peer.transport.tap import Drop

if TYPE_CHECKING:
    from peer.transport.dtls.counters import Counters
    from peer.transport.tap import Tap

_DROPS = {
    Receipt.OUT_OF_PLACE: Drop.OUT_OF_PLACE,
    Receipt.UNAUTHENTIC: Drop.UNAUTHENTIC,
    Receipt.FOREIGN: Drop.UNEXPECTED,
}


class Dropped:
    """Counts them and tells the trace.

    Args:
        counters: Where.
        tap: Told, where the transport is traced.
    """

    def __init__(self, counters: Counters, tap: Tap | None) -> None:
        self._counters = counters
        self._tap = tap

    def __call__(self, receipt: Receipt, datagram: bytes) -> None:
        """What became of one; nothing is done where that is good."""
        drop = _DROPS.get(receipt)
        if drop is None:
            return
        if drop is Drop.UNEXPECTED:
            self._counters.dropped_foreign += 1
        else:
            self._counters.dropped_unauthentic += 1
        if self._tap is not None:
            self._tap.dropped(drop, datagram)
