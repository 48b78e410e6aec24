"""What is kept of what was sent, and for how long."""

from __future__ import annotations

import gc
import weakref

from peer.rtp.sending.history import HISTORY_PACKETS, HISTORY_SECONDS, SentHistory
from peer.rtp.sending.outbound import OutboundFrame, Urgency


class Source:
    numbered = False

    def write(self, frame: OutboundFrame, number: int, now: float) -> bytes:
        raise NotImplementedError

    def on_dropped(self, frames: int, *, broken: bool) -> None:
        raise NotImplementedError


class Frame(OutboundFrame):
    """One that can be watched."""


def frame() -> Frame:
    return Frame(Source(), [b"one", b"two"], urgency=Urgency.PICTURE, size=6)


def test_packet_is_found_by_its_number() -> None:
    history = SentHistory()
    sent = frame()
    history.add(65535, sent, 0, 1.0)
    history.add(0, sent, 1, 1.0)
    assert history.find(65535, 1.5) == (sent, 0)
    assert history.find(0, 1.5) == (sent, 1)


def test_number_that_was_never_sent_is_not_found() -> None:
    history = SentHistory()
    history.add(5, frame(), 0, 1.0)
    assert history.find(6, 1.0) is None
    assert history.find(5 + HISTORY_PACKETS, 1.0) is None


def test_packet_is_kept_for_a_while() -> None:
    history = SentHistory()
    sent = frame()
    history.add(5, sent, 0, 1.0)
    assert history.find(5, 1.0 + HISTORY_SECONDS) == (sent, 0)
    assert history.find(5, 1.01 + HISTORY_SECONDS) is None


def test_only_so_many_are_kept() -> None:
    history = SentHistory()
    first = frame()
    watched = weakref.ref(first)
    history.add(0, first, 0, 1.0)
    del first
    for number in range(1, HISTORY_PACKETS + 1):
        history.add(number, frame(), 0, 1.0)
    gc.collect()
    assert watched() is None
    assert history.find(0, 1.0) is None
    assert history.find(1, 1.0) is not None


def test_pruning_lets_go_of_what_is_too_old() -> None:
    history = SentHistory()
    old, young = frame(), frame()
    watched = weakref.ref(old)
    history.add(0, old, 0, 1.0)
    history.add(1, young, 0, 3.0)
    del old
    history.prune(3.5)
    gc.collect()
    assert watched() is None
    assert history.find(1, 3.5) == (young, 0)


def test_cleared_history_finds_nothing() -> None:
    history = SentHistory()
    history.add(0, frame(), 0, 1.0)
    history.clear()
    assert history.find(0, 1.0) is None
