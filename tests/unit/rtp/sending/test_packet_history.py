"""The packet history finds sent packets, within its bounds of packets and seconds."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence

from peer.rtp.sending.outbound_frame import OutboundFrame, PacketPriority
from peer.rtp.sending.packet_history import HISTORY_PACKETS, HISTORY_SECONDS, RtpPacketHistory


class Source:
    uses_twcc = False

    def write_packets(
        self, frame: OutboundFrame, *, transport_sequence_number: int, now: float, room: float
    ) -> Sequence[bytes]:
        raise NotImplementedError

    def on_dropped(self, frames: int, *, needs_keyframe: bool) -> None:
        raise NotImplementedError


class Frame(OutboundFrame):
    """A frame that takes weak references."""


def frame(sequence: int, at: float = 1.0, *, packets: int = 1) -> Frame:
    """Make a frame that was sent at a time, from a sequence number on."""
    found = Frame(Source(), [b"x"] * packets, priority=PacketPriority.VIDEO, size=packets)
    found.sequence_number, found.position, found.sent = sequence, packets, at
    return found


def keep(history: RtpPacketHistory, sent: Frame) -> None:
    history.add(sent, sequence_number=sent.sequence_number, packets=sent.position)


def test_history_finds_packets_of_a_frame_by_sequence_number() -> None:
    history = RtpPacketHistory()
    sent = frame(65535, packets=2)
    keep(history, sent)
    assert history.find(65535, now=1.5) == (sent, 0)
    assert history.find(0, now=1.5) == (sent, 1)
    assert history.find(1, now=1.5) is None


def test_history_takes_a_frame_in_parts() -> None:
    history = RtpPacketHistory()
    sent = frame(5, packets=3)
    history.add(sent, sequence_number=5, packets=1)
    history.add(sent, sequence_number=6, packets=2)
    assert [history.find(number, now=1.0) for number in (5, 6, 7)] == [
        (sent, 0),
        (sent, 1),
        (sent, 2),
    ]


def test_history_wraps_within_a_frame() -> None:
    history = RtpPacketHistory()
    sent = frame(HISTORY_PACKETS - 1, packets=3)
    keep(history, sent)
    found = [history.find(HISTORY_PACKETS - 1 + index, now=1.0) for index in range(3)]
    assert found == [(sent, 0), (sent, 1), (sent, 2)]


def test_history_does_not_find_an_unsent_number() -> None:
    history = RtpPacketHistory()
    keep(history, frame(5))
    assert history.find(6, now=1.0) is None
    assert history.find(5 + HISTORY_PACKETS, now=1.0) is None


def test_history_keeps_a_packet_for_2_seconds() -> None:
    history = RtpPacketHistory()
    sent = frame(5)
    keep(history, sent)
    assert history.find(5, now=1.0 + HISTORY_SECONDS) == (sent, 0)
    assert history.find(5, now=1.01 + HISTORY_SECONDS) is None


def test_history_keeps_2048_packets() -> None:
    history = RtpPacketHistory()
    first = frame(0)
    watched = weakref.ref(first)
    keep(history, first)
    del first
    for number in range(1, HISTORY_PACKETS + 1):
        keep(history, frame(number))
    gc.collect()
    assert watched() is None
    assert history.find(0, now=1.0) is None
    assert history.find(1, now=1.0) is not None


def test_prune_releases_old_packets() -> None:
    history = RtpPacketHistory()
    old, young = frame(0), frame(1, at=3.0)
    watched = weakref.ref(old)
    keep(history, old)
    keep(history, young)
    del old
    history.prune(3.5)
    gc.collect()
    assert watched() is None
    assert history.find(1, now=3.5) == (young, 0)


def test_prune_releases_packets_before_gaps_and_wraps() -> None:
    history = RtpPacketHistory()
    watched = []
    # Numbers in between belong to packets that nobody may ask for again.
    for number in (5, 900, HISTORY_PACKETS + 5, HISTORY_PACKETS + 6, HISTORY_PACKETS + 40):
        sent = frame(number)
        watched.append(weakref.ref(sent))
        keep(history, sent)
        del sent
    history.prune(1.1 + HISTORY_SECONDS)
    gc.collect()
    assert [each() for each in watched] == [None] * 5


def test_cleared_packet_history_finds_nothing() -> None:
    history = RtpPacketHistory()
    keep(history, frame(0))
    history.clear()
    assert history.find(0, now=1.0) is None
