"""Seeing a whole key frame behind a gap."""

from __future__ import annotations

from peer.rtp.formats import format_of
from peer.rtp.packet import RtpPacket
from peer.rtp.receiving.keyframe_watch import KeyframeWatch
from peer.rtp.receiving.ordering import Item
from tests.support.links.lossy_rtp import VP8, vp8_frame

FORMAT = format_of(VP8)


def packets(first: int, timestamp: int, *, keyframe: bool) -> dict[int, Item]:
    payloads = FORMAT.packetize(vp8_frame(3000, keyframe=keyframe), keyframe=keyframe, limit=1200)
    return {
        first + index: (
            RtpPacket(
                payload_type=96,
                sequence_number=first + index,
                timestamp=timestamp,
                ssrc=1,
                payload=payload,
                marker=index == len(payloads) - 1,
            ),
            None,
            0.0,
        )
        for index, payload in enumerate(payloads)
    }


def watched(*items: dict[int, Item]) -> KeyframeWatch:
    watch, waiting = KeyframeWatch(), dict[int, Item]()
    for each in items:
        for number, item in each.items():
            waiting[number] = item
            watch.saw(number, item[0], FORMAT)
            watch.look(waiting)
    return watch


def test_a_whole_one_is_seen() -> None:
    watch = watched(packets(10, 0, keyframe=True))
    assert watch.complete
    assert watch.start == 10


def test_other_pictures_are_not_taken_for_one() -> None:
    assert not watched(packets(10, 0, keyframe=False)).complete


def test_one_that_lacks_a_packet_is_not_whole() -> None:
    waiting = packets(10, 0, keyframe=True)
    del waiting[11]
    assert not watched(waiting).complete


def test_one_that_lacked_a_packet_is_whole_when_it_comes() -> None:
    waiting = packets(10, 0, keyframe=True)
    missing = {11: waiting.pop(11)}
    assert watched(waiting, missing).complete


def test_the_beginning_of_the_next_picture_ends_it() -> None:
    waiting = packets(10, 0, keyframe=True)
    last = max(waiting)
    waiting[last][0].marker = False
    assert not watched(waiting).complete
    following = packets(last + 1, 3000, keyframe=False)
    del following[max(following)]
    assert watched(waiting, following).complete


def test_the_first_packet_that_looks_like_a_beginning_is_it() -> None:
    waiting = packets(10, 0, keyframe=True)
    waiting[11][0].payload = waiting[10][0].payload
    watch = watched(waiting)
    assert watch.complete
    assert watch.start == 10


def test_one_that_waits_no_longer_is_forgotten() -> None:
    watch = watched(packets(10, 0, keyframe=True))
    watch.look({})
    assert not watch.complete
