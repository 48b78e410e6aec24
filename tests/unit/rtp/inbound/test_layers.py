"""Readers that choose an encoding get its frames as the transform of the program leaves them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from peer.rtp.inbound.inbound_rtp import InboundRtp
from peer.rtp.inbound.layers import LayerReaders
from peer.rtp_parameters import MediaKind
from tests.support.media.encoded_frames import key
from tests.support.rtp.simulcast import Encoding, SimulcastCall

if TYPE_CHECKING:
    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.frame_transform import CodedFrame

LOW, HIGH = 1, 2


class Reader:
    """A reader of encoded frames."""

    def __init__(self) -> None:
        self.frames: list[EncodedFrame] = []
        self.ended = False

    def put(self, item: EncodedFrame, /) -> None:
        self.frames.append(item)

    def finish(self) -> None:
        self.ended = True

    def abandon(self) -> None:
        self.ended = True


def call() -> SimulcastCall:
    return SimulcastCall(Encoding("q", LOW, 320), Encoding("f", HIGH, 1280, packets=4))


def test_transform_changes_what_a_chosen_encoding_gives() -> None:
    sent, reader = call(), Reader()
    readers = LayerReaders(sent.receiver, lambda frame: replace(frame, payload=b"changed"))
    readers.limit(reader, "q", now=sent.now)
    sent.run(1)
    assert {frame.payload for frame in reader.frames} == {b"changed"}
    assert {frame.ssrc for frame in reader.frames[1:]} == {LOW}


def test_frame_that_the_transform_drops_leaves_a_gap() -> None:
    sent, reader = call(), Reader()
    kept = iter([True, True, False, False])
    readers = LayerReaders(sent.receiver, lambda frame: frame if next(kept, True) else None)
    readers.limit(reader, "q", now=sent.now)
    sent.run(1)
    assert [frame.gap for frame in reader.frames[:4]] == [False, False, True, False]


def test_layers_tell_what_is_received() -> None:
    sent, readers = call(), None
    readers = LayerReaders(sent.receiver)
    sent.run(2)
    low, high = readers.layers(sent.now)
    assert (low.rid, low.ssrc, low.pixels, low.active) == ("q", LOW, 320 * 160, True)
    assert (high.rid, high.ssrc, high.pixels, high.active) == ("f", HIGH, 1280 * 640, True)
    assert high.bitrate > 2 * low.bitrate > 0
    assert not any(each.active for each in readers.layers(sent.now + 10))


def test_readers_end_with_the_receiver_and_choose_nothing_later() -> None:
    sent, reader, late = call(), Reader(), Reader()
    readers = LayerReaders(sent.receiver)
    readers.limit(reader, "q", now=sent.now)
    readers.finish()
    readers.limit(late, "q", now=sent.now)
    sent.run(1)
    assert reader.ended
    assert (reader.frames, late.frames) == ([], [])


def test_reader_that_was_let_go_gets_nothing() -> None:
    sent, reader = call(), Reader()
    readers = LayerReaders(sent.receiver)
    readers.limit(reader, "q", now=sent.now)
    assert readers.views
    del reader
    assert not readers.views
    sent.run(1)


def test_frame_is_given_to_the_transform_once_for_all_readers() -> None:
    inbound, given = InboundRtp(MediaKind.VIDEO, lambda: 0.0), list[bytes]()

    def transform(frame: CodedFrame) -> bytes:
        given.append(frame.payload)
        return b"changed"

    inbound.transform = transform
    first = key(0)
    for frame in (first, replace(first, pts=9), key(1)):
        changed = inbound._changed(frame)  # noqa: SLF001 - what all readers go through
        assert changed is not None
        assert changed.payload == b"changed"
        assert changed.pts == frame.pts
    assert len(given) == 2
