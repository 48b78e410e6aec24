"""Readers of one simulcast each get the encoding that they choose, in virtual time."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from peer.rtp.packet import RID
from peer.rtp.receiving.layer_view import LayerView
from peer.rtp_parameters import HeaderExtension, ReceiveParameters
from tests.support.rtp.media_packets import VP8
from tests.support.rtp.simulcast import RID_ID, Encoding, SimulcastCall

if TYPE_CHECKING:
    from peer.rtp.encoded_frame import EncodedFrame

LOW, MIDDLE, HIGH = 1, 2, 3
WIDTHS = {LOW: 320, MIDDLE: 640, HIGH: 1280}


class Reader:
    """A reader of the encodings of a call, with the time of each frame."""

    def __init__(self, call: SimulcastCall, most: str | None = None) -> None:
        self.frames: list[tuple[float, EncodedFrame]] = []
        self.view = LayerView(lambda frame: self.frames.append((call.now, frame)))
        self.view.limit(most)
        self._call = call
        call.receiver.add_view(self.view, call.now)

    def limit(self, most: str | None) -> None:
        self.view.limit(most)
        layers = self._call.receiver.layers
        assert layers is not None
        layers.look(self._call.now)

    def widths(self, since: float = 0.0) -> list[int]:
        """Of the encodings whose frames were given, without repetitions."""
        found: list[int] = []
        for at, frame in self.frames:
            width = WIDTHS[frame.ssrc]
            if at >= since and found[-1:] != [width]:
                found.append(width)
        return found

    def is_one_stream(self) -> bool:
        """Whether times rise, and each encoding begins with a key frame."""
        frames = [frame for _, frame in self.frames]
        rises = all(one.pts < two.pts for one, two in pairwise(frames))
        return rises and all(two.keyframe for one, two in pairwise(frames) if one.ssrc != two.ssrc)


def call() -> SimulcastCall:
    return SimulcastCall(
        Encoding("q", LOW, 320),
        Encoding("h", MIDDLE, 640, packets=2),
        Encoding("f", HIGH, 1280, packets=4),
    )


def test_readers_get_what_each_has_chosen() -> None:
    sent = call()
    low, middle, high = (Reader(sent, most) for most in ("q", "h", None))
    sent.run(3)
    assert (low.widths(1001.0), middle.widths(1001.0)) == ([320], [640])
    assert high.widths(1001.0) == sent.widths(1001.0) == [1280]
    for reader in (low, middle, high):
        assert len([at for at, _ in reader.frames if at > 1001.0]) == pytest.approx(60, abs=2)
        assert reader.is_one_stream()


def test_choice_changes_at_key_frames_that_are_asked_for() -> None:
    sent = call()
    reader = Reader(sent, "h")
    sent.run(2)
    asked = len(sent.plis)
    reader.limit("q")
    sent.run(1)
    reader.limit(None)
    sent.run(1)
    reader.limit("h")
    sent.run(1)
    assert reader.widths(1001.0) == [640, 320, 1280, 640]
    assert [ssrc for _, ssrc in sent.plis[asked:]] == [LOW, HIGH, MIDDLE]
    assert reader.is_one_stream()
    gap = max(two - one for (one, _), (two, _) in pairwise(reader.frames) if one > 1001.0)
    assert gap < 0.1
    assert sent.widths(1001.0) == [1280]


def test_smaller_encoding_is_given_while_the_chosen_one_does_not_come() -> None:
    sent = call()
    reader = Reader(sent, "h")
    sent.run(3)
    sent.encodings[MIDDLE].is_on = False
    sent.run(3)
    assert reader.widths(1005.0) == [320]
    assert 1280 not in reader.widths(1001.0)
    sent.encodings[MIDDLE].is_on = True
    sent.run(4)
    assert reader.widths(sent.now - 1) == [640]
    assert reader.is_one_stream()


def test_only_larger_encodings_are_better_than_none() -> None:
    sent = call()
    reader = Reader(sent, "q")
    sent.run(3)
    sent.encodings[LOW].is_on = False
    sent.run(4)
    assert reader.widths(sent.now - 1) == [640]


def test_reader_that_comes_later_begins_with_a_key_frame_of_its_choice() -> None:
    sent = call()
    sent.run(3)
    reader = Reader(sent, "q")
    sent.run(1)
    assert reader.widths() == [320]
    assert reader.frames[0][1].keyframe
    assert [ssrc for at, ssrc in sent.plis if at >= 1003.0] == [LOW]


def test_loss_is_repaired_in_the_encodings_that_somebody_reads() -> None:
    sent = call()
    Reader(sent, "q")
    sent.run(2)
    for each in sent.encodings.values():
        each.passes = lambda number: number % 40 > 0
    sent.run(5)
    assert set(sent.nacks) == {LOW, HIGH}


def test_reader_that_is_gone_asks_for_nothing() -> None:
    sent = call()
    reader = Reader(sent, "q")
    sent.run(2)
    sent.receiver.remove_view(reader.view)
    given = len(reader.frames)
    for each in sent.encodings.values():
        each.passes = lambda number: number % 40 > 0
    sent.run(5)
    assert len(reader.frames) == given
    assert set(sent.nacks) == {HIGH}


def test_unknown_encoding_is_no_limit() -> None:
    sent = call()
    reader = Reader(sent, "x")
    sent.run(2)
    assert reader.widths(1001.0) == [1280]


def test_choice_outlives_another_agreement_on_the_encodings() -> None:
    sent = call()
    reader = Reader(sent, "h")
    sent.run(2)
    rids = ("h", "f")
    sent.receiver.configure(
        ReceiveParameters(
            mid="0",
            codecs=(VP8,),
            extensions=(HeaderExtension(RID_ID, RID),),
            rids=rids,
            simulcast=rids,
        ),
        9,
    )
    for each in sent.encodings.values():
        each.asked = True
    sent.run(2)
    assert reader.widths(1003.0) == [640]
    assert reader.is_one_stream()


def test_key_frame_of_another_encoding_than_the_wanted_one_is_passed_over() -> None:
    sent = call()
    reader = Reader(sent)
    sent.run(2)
    reader.limit("q")
    sent.encodings[LOW].passes = lambda _: False
    sent.encodings[MIDDLE].asked = True
    sent.run(0.3)
    assert reader.widths(1001.0) == [1280]
    sent.encodings[LOW].passes = lambda _: True
    sent.run(2)
    assert reader.widths(1001.0) == [1280, 320]
