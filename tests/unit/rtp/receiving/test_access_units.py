"""Access units of H.264 and H.265 by their slices, whatever markers and timestamps say."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import pytest

from peer.rtp.formats import format_of
from peer.rtp.formats.h264_bitstream import nal_units
from peer.rtp.packet import RtpPacket
from peer.rtp.receiving.access_units import SLICE_WAIT
from peer.rtp.receiving.stream_receiver import RtpStreamReceiver
from peer.rtp.rtcp import PictureLossIndication
from peer.rtp_parameters import MediaKind, ReceiveParameters
from tests.support.media.encoded import SECOND_KEY, Encoded, decoded
from tests.support.media.nal_senders import (
    CODECS,
    SENDERS,
    TICKS,
    Sent,
    access_units,
    is_slice,
    packets,
    slices_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.rtcp import RtcpPacket
    from peer.rtp_parameters import Codec

NAMES = ["H264", "H265"]


class Receiving:
    """A receiver, with the time of the last packet, and a number for the next."""

    def __init__(self, name: str, codec: Codec | None = None) -> None:
        self.name = name
        self.codec = CODECS[name] if codec is None else codec
        self.frames: list[EncodedFrame] = []
        self.feedback: list[RtcpPacket] = []
        self.now = 100.0
        self.numbers = count(65_500)
        self.receiver = RtpStreamReceiver(
            MediaKind.VIDEO, on_frame=self.frames.append, on_feedback=self.feedback.extend
        )
        self.receiver.configure(ReceiveParameters(mid="0", codecs=(self.codec,), extensions=()), 9)

    def take(self, sent: Iterable[Sent], *, ssrc: int = 1) -> None:
        """Take packets, each a millisecond behind the last one, and a picture each 33."""
        timestamp = None
        for each in sent:
            self.now += 0.03 if each.timestamp != timestamp else 0.001
            timestamp = each.timestamp
            self.receiver.advance(self.now)
            packet = RtpPacket(
                payload_type=self.codec.payload_type,
                sequence_number=next(self.numbers) % 65_536,
                timestamp=each.timestamp,
                ssrc=ssrc,
                payload=each.payload,
                marker=each.marker,
            )
            self.receiver.receive(packet, {}, self.now)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        while (due := self.receiver.deadline) is not None and due <= self.now:
            self.receiver.advance(self.now)
            assert self.receiver.deadline != due

    @property
    def pictures(self) -> list[list[bytes]]:
        return [slices_of(self.name, frame.payload) for frame in self.frames]

    @property
    def lost(self) -> tuple[int, int]:
        (statistics,) = self.receiver.statistics()
        return statistics.malformed, statistics.frames_dropped


def slices(name: str, pictures: Iterable[Encoded]) -> list[list[bytes]]:
    return [slices_of(name, picture.data) for picture in pictures]


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("name", NAMES)
def test_every_picture_is_one_frame_whatever_markers_and_times_a_sender_has(
    name: str, sender: str, number: int
) -> None:
    source = access_units(name, slices=number)
    assert len(slices_of(name, source[1].data)) == number
    receiving = Receiving(name)

    receiving.take(packets(name, sender, source))
    receiving.receiver.goodbye(1)
    held = 0 if any(each.marker for each in packets(name, sender, source)) else 1

    assert receiving.pictures == slices(name, source)[: len(source) - held]
    assert receiving.lost == (0, 0)
    assert [frame.keyframe for frame in receiving.frames] == [
        each.keyframe for each in source[: len(source) - held]
    ]
    if sender != "neither markers nor times":
        times = [frame.timestamp for frame in receiving.frames]
        assert times == [TICKS * number for number in range(len(times))]
    pictures = decoded(name, [frame.payload for frame in receiving.frames])
    assert len(pictures) == len(source) - held


@pytest.mark.parametrize("name", NAMES)
def test_ordinary_picture_is_given_with_its_marker_once_one_was_seen_to_end_a_picture(
    name: str,
) -> None:
    source = access_units(name)
    receiving = Receiving(name)
    given = []
    for picture in source:
        receiving.take(each for each in packets(name, "ordinary", (picture,)))
        given.append(len(receiving.frames))
    # The first waits for what follows it.
    assert given == [0, *range(2, len(source) + 1)]


def test_sole_picture_is_given_after_a_short_wait() -> None:
    source = access_units("H264")[:1]
    receiving = Receiving("H264")
    receiving.take(packets("H264", "ordinary", source))
    arrival = receiving.now

    receiving.wait(SLICE_WAIT * 0.9)
    assert receiving.frames == []
    receiving.wait(SLICE_WAIT * 0.2)
    assert receiving.pictures == slices("H264", source)
    assert receiving.frames[0].arrival == arrival
    assert receiving.lost == (0, 0)


def test_picture_with_a_marker_in_each_slice_is_given_when_the_sender_pauses() -> None:
    source = access_units("H264", slices=3)[:4]
    receiving = Receiving("H264")
    receiving.take(packets("H264", "each slice with a marker", source))
    assert len(receiving.frames) == 3
    receiving.wait(SLICE_WAIT * 1.1)
    assert receiving.pictures == slices("H264", source)


def test_picture_that_waits_is_given_when_another_ssrc_follows() -> None:
    source = access_units("H264")
    receiving = Receiving("H264")
    receiving.take(packets("H264", "ordinary", source[:1]))
    receiving.now += 1.0
    receiving.take(packets("H264", "ordinary", source[:2]), ssrc=2)
    assert receiving.pictures == slices("H264", [source[0], source[0], source[1]])


@pytest.mark.parametrize("name", NAMES)
def test_slices_that_follow_on_a_trusted_marker_cost_one_group_of_pictures_only(
    name: str,
) -> None:
    whole, sliced = access_units(name), access_units(name, slices=3)
    receiving = Receiving(name)
    receiving.take(packets(name, "ordinary", whole))
    receiving.frames.clear()
    receiving.feedback.clear()

    later = [
        replace(each, timestamp=each.timestamp + 8 * TICKS)
        for each in packets(name, "each slice with a marker", (*sliced, *sliced))
    ]
    receiving.take(later)
    receiving.receiver.goodbye(1)

    # The first key frame is cut behind its first slice, and the next one is whole.
    assert receiving.pictures[1:] == slices(name, (*sliced, *sliced))[SECOND_KEY:]
    assert receiving.frames[1].gap
    assert any(isinstance(each, PictureLossIndication) for each in receiving.feedback)


def test_log_tells_once_that_markers_are_not_trusted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "peer.rtp.receiving.access_units")
    receiving = Receiving("H264")
    receiving.take(packets("H264", "each slice with a marker", access_units("H264", slices=3)))
    (record,) = caplog.records
    assert record.getMessage().startswith("the stream of SSRC 1 has markers within pictures")


@pytest.mark.parametrize("sender", ["ordinary", "each slice with a marker"])
@pytest.mark.parametrize("lost", ["first", "last"])
def test_picture_that_lost_a_slice_is_dropped_with_all_up_to_the_next_key_frame(
    sender: str, lost: str
) -> None:
    source = access_units("H264", slices=3)
    receiving = Receiving("H264")
    receiving.take(packets("H264", sender, source[:2]))
    third = [each for each in packets("H264", sender, source[:3]) if each.timestamp == 2 * TICKS]
    # A delimiter comes first.
    del third[1 if lost == "first" else -1]
    at = third[1:] if lost == "first" else third
    if lost == "first":
        receiving.take(third[:1])
        next(receiving.numbers)
        receiving.take(at)
    else:
        receiving.take(at)
        next(receiving.numbers)
    receiving.take(packets("H264", sender, source)[len(packets("H264", sender, source[:3])) :])
    receiving.wait(2.0)
    receiving.receiver.goodbye(1)

    pictures = slices("H264", source)
    assert receiving.pictures[:1] == pictures[:1]
    assert all(picture in pictures for picture in receiving.pictures)
    assert receiving.pictures[-3:] == pictures[-3:]
    assert pictures[2] not in receiving.pictures


def test_loss_right_behind_the_first_picture_does_not_cost_it() -> None:
    source = access_units("H264")
    receiving = Receiving("H264")
    receiving.take(packets("H264", "ordinary", source[:1]))
    next(receiving.numbers)
    receiving.take(packets("H264", "ordinary", source)[-1:])
    receiving.wait(2.0)
    assert receiving.pictures == slices("H264", source[:1])
    assert not receiving.frames[0].gap


def test_parameter_sets_before_a_lost_key_frame_are_kept() -> None:
    source = access_units("H264")
    units = packets("H264", "packets of any size", source)
    bare = [each for each in units if each.payload[0] & 0x1F not in (7, 8)]
    sets = [each for each in units[:10] if each.payload[0] & 0x1F in (7, 8)]
    receiving = Receiving("H264")
    receiving.take(sets)
    next(receiving.numbers)
    receiving.take(bare)
    receiving.wait(2.0)
    assert len(receiving.pictures) == len(source)
    assert len(decoded("H264", [each.payload for each in receiving.frames])) == len(source)


def test_pictures_of_one_idr_pic_id_are_told_apart_by_their_markers() -> None:
    # Encoders of key frames only often have the same id in all.
    key = access_units("H264")[:1]
    receiving = Receiving("H264")
    for number in range(4):
        receiving.take(
            replace(each, timestamp=each.timestamp + number * TICKS)
            for each in packets("H264", "ordinary", key)
        )
    receiving.receiver.goodbye(1)
    assert receiving.pictures == slices("H264", key * 4)
    assert [each.timestamp for each in receiving.frames] == [0, TICKS, 2 * TICKS, 3 * TICKS]


def test_filler_and_end_of_sequence_behind_a_picture_are_no_part_of_the_next() -> None:
    source = access_units("H264")[:3]
    receiving = Receiving("H264")
    for number, picture in enumerate(source):
        receiving.take(
            replace(each, timestamp=number * TICKS)
            for each in packets("H264", "ordinary", (picture,))
        )
        receiving.take([Sent(b"\x0c\xff\x80", number * TICKS, marker=True)])
        receiving.take([Sent(b"\x0b", number * TICKS + 1, marker=True)])
    receiving.receiver.goodbye(1)
    assert receiving.pictures == slices("H264", source)
    assert receiving.lost == (0, 0)


def test_packets_that_never_make_a_picture_are_bounded() -> None:
    receiving = Receiving("H264")
    receiving.take(packets("H264", "ordinary", access_units("H264")))
    receiving.take(Sent(b"\x06\x05\x01\x00\x80", 0, marker=False) for _ in range(4096))
    assert receiving.lost[0] == 1


def test_parameter_sets_in_an_aggregate_of_their_own_with_a_marker_begin_the_picture() -> None:
    source = access_units("H264", slices=3)
    receiving = Receiving("H264")
    payload_format = format_of(CODECS["H264"])
    for number, picture in enumerate(source):
        units = nal_units(picture.data)
        heads = [unit for unit in units if not is_slice("H264", unit)]
        (together,) = payload_format.packetize(annex_b(heads), keyframe=False, limit=1200) or [b""]
        receiving.take([Sent(together, number * TICKS, marker=True)] if together else [])
        rest = annex_b([unit for unit in units if is_slice("H264", unit)])
        payloads = payload_format.packetize(rest, keyframe=False, limit=1200)
        receiving.take(
            Sent(payload, number * TICKS, marker=payload is payloads[-1]) for payload in payloads
        )
    receiving.receiver.goodbye(1)
    assert receiving.pictures == slices("H264", source)
    assert len(decoded("H264", [each.payload for each in receiving.frames])) == len(source)


def test_delimiter_stays_in_front_of_parameter_sets_that_are_added() -> None:
    source = access_units("H264")
    receiving = Receiving("H264")
    for number, picture in enumerate((*source, source[0])):
        units = nal_units(picture.data)
        if number == len(source):
            units = [unit for unit in units if unit[0] & 0x1F not in (7, 8)]
        receiving.take(Sent(unit, number * TICKS, marker=unit is units[-1]) for unit in units)
    kinds = [unit[0] & 0x1F for unit in nal_units(receiving.frames[-1].payload)]
    assert kinds[:3] == [9, 7, 8]


SPELLINGS = {
    "as RFC 6184 has it": lambda units: [b64encode(unit).decode() for unit in units],
    "without padding": lambda units: [b64encode(unit).decode().rstrip("=") for unit in units],
    "with start codes": lambda units: [b64encode(b"\0\0\0\1" + unit).decode() for unit in units],
    "in one": lambda units: [b64encode(annex_b(units)).decode()],
    "with blanks": lambda units: [f" {b64encode(unit).decode()} " for unit in units],
    "the other way round": lambda units: [b64encode(unit).decode() for unit in reversed(units)],
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("sender", ["ordinary", "each slice with a marker", "no markers"])
@pytest.mark.parametrize("name", NAMES)
def test_parameter_sets_of_the_description_alone_make_every_picture_decodable(
    name: str, sender: str, spelling: str
) -> None:
    source = access_units(name, slices=3)
    sets, bare = without_sets(name, source)
    texts = SPELLINGS[spelling](sets)
    if name == "H264":
        parameters = (*CODECS[name].parameters, ("sprop-parameter-sets", ",".join(texts)))
    else:
        names = ("sprop-vps", "sprop-sps", "sprop-pps")
        parameters = tuple(zip(names, texts, strict=False))
    receiving = Receiving(name, replace(CODECS[name], parameters=parameters))
    receiving.take(packets(name, sender, bare))
    receiving.receiver.goodbye(1)
    count = len(source) - (sender == "no markers")
    assert receiving.pictures == slices(name, source)[:count]
    assert [frame.keyframe for frame in receiving.frames] == [e.keyframe for e in source[:count]]
    assert (receiving.frames[0].width, receiving.frames[0].height)[0] == 176
    assert len(decoded(name, [frame.payload for frame in receiving.frames])) == count


@pytest.mark.parametrize("name", NAMES)
def test_key_frames_without_any_parameter_sets_are_told_of_once(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING", "peer.rtp.receiving.frame_assembler")
    _, bare = without_sets(name, access_units(name))
    receiving = Receiving(name)
    receiving.take(packets(name, "ordinary", bare * 3))
    assert receiving.frames == []
    (record,) = caplog.records
    assert record.getMessage().startswith("a key frame of SSRC 1 cannot be decoded")


def without_sets(name: str, source: tuple[Encoded, ...]) -> tuple[list[bytes], tuple[Encoded, ...]]:
    """The parameter sets of a stream, and the stream without them."""

    def is_set(unit: bytes) -> bool:
        return unit[0] & 0x1F in (7, 8) if name == "H264" else unit[0] >> 1 in (32, 33, 34)

    sets = [unit for unit in nal_units(source[0].data) if is_set(unit)]
    bare = tuple(
        replace(each, data=annex_b([unit for unit in nal_units(each.data) if not is_set(unit)]))
        for each in source
    )
    return sets, bare


def annex_b(units: list[bytes]) -> bytes:
    return b"".join(b"\0\0\0\1" + unit for unit in units)
