"""The contract of all payload formats, with frames of real encoders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from peer.rtp.formats import FrameShape, format_of
from peer.rtp.malformed import MalformedError
from peer.rtp.packet import RtpPacket
from peer.rtp_parameters import Codec, MediaKind
from tests.support.media.encoded import HEIGHT, SECOND_KEY, WIDTH, Encoded, decoded, encoded
from tests.support.media.encoded import sent_by_ffmpeg as sent

if TYPE_CHECKING:
    from peer.rtp.formats import PayloadFormat

NAMES = ["VP8", "VP9", "H264", "H265", "AV1"]
LIMIT = 1200


def video(name: str) -> PayloadFormat:
    codec = Codec(
        kind=MediaKind.VIDEO,
        name=name,
        payload_type=96,
        clock_rate=90_000,
        parameters=(("packetization-mode", "1"),),
    )
    return format_of(codec)


def through(fmt: PayloadFormat, frame: Encoded, limit: int = LIMIT) -> tuple[bytes, list[bytes]]:
    payloads = fmt.packetize(frame.data, keyframe=frame.keyframe, limit=limit)
    return fmt.assemble(payloads), payloads


def alike(name: str, first: list[bytes], second: list[bytes]) -> bool:
    ours, theirs = decoded(name, first), decoded(name, second)
    return len(ours) == len(theirs) and all(map(np.array_equal, ours, theirs))


@pytest.mark.parametrize("limit", [64, 300, LIMIT, 100_000])
@pytest.mark.parametrize("name", NAMES)
def test_real_frames_survive_packetization(name: str, limit: int) -> None:
    source, fmt = encoded(name), video(name)
    frames = []
    for frame in source:
        back, payloads = through(fmt, frame, limit)
        frames.append(back)
        assert max(map(len, payloads)) <= limit
        # No packet is spent that the octets do not need, but for what heads and ends OBUs.
        assert len(payloads) <= len(frame.data) // (limit - 20) + 2

    assert alike(name, [frame.data for frame in source], frames)


@pytest.mark.parametrize("name", NAMES)
def test_format_describes_key_frame_and_size(name: str) -> None:
    fmt = video(name)
    for number, frame in enumerate(encoded(name)):
        back, payloads = through(fmt, frame)
        shape = FrameShape(True, WIDTH, HEIGHT) if number in (0, SECOND_KEY) else FrameShape(False)
        assert fmt.describe(frame.data) == shape
        assert fmt.describe(back) == shape
        assert fmt.is_keyframe_start(payloads[0]) is shape.keyframe is frame.keyframe


@pytest.mark.parametrize("name", NAMES)
def test_frame_without_a_payload_is_refused(name: str) -> None:
    fmt = video(name)
    for frame in encoded(name):
        _, payloads = through(fmt, frame)
        first = 1 if name in {"H264", "H265"} and frame.keyframe else 0
        with pytest.raises(MalformedError):
            fmt.assemble(payloads[first + 1 :])
        if name != "VP8":
            # VP8 has no end of its own: the marker is the packet's.
            with pytest.raises(MalformedError):
                fmt.assemble(payloads[:-1])


@pytest.mark.parametrize("name", NAMES)
def test_two_frames_of_one_timestamp_are_refused_or_both_kept(name: str) -> None:
    fmt = video(name)
    first, second = encoded(name)[1:3]
    payloads = through(fmt, first)[1] + through(fmt, second)[1]
    if name == "VP8":
        with pytest.raises(MalformedError):
            fmt.assemble(payloads)
    else:
        assert len(fmt.assemble(payloads)) >= len(first.data) + len(second.data) - 8


@pytest.mark.parametrize("name", NAMES)
def test_payloads_of_ffmpeg_are_read(name: str) -> None:
    frames, packets = sent(name)
    by_time: dict[int, list[bytes]] = {}
    for data in packets:
        packet = RtpPacket.parse(data)
        by_time.setdefault(packet.timestamp, []).append(packet.payload)
    fmt = video(name)
    back = [fmt.assemble(payloads) for payloads in by_time.values()]

    assert alike(name, [frame.data for frame in frames], back)
    for frame, data, payloads in zip(frames, back, by_time.values(), strict=True):
        assert fmt.describe(data).keyframe is frame.keyframe
        assert fmt.is_keyframe_start(payloads[0]) is frame.keyframe


@pytest.mark.parametrize("name", [*NAMES, "opus"])
def test_empty_frame_makes_no_payloads(name: str) -> None:
    fmt = video(name)
    assert fmt.packetize(b"", keyframe=True, limit=LIMIT) == []
    with pytest.raises(MalformedError):
        fmt.assemble([])


@pytest.mark.parametrize("name", NAMES)
def test_empty_payload_is_refused(name: str) -> None:
    fmt = video(name)
    assert not fmt.is_keyframe_start(b"")
    assert fmt.describe(b"") == FrameShape(False)
    with pytest.raises(MalformedError):
        fmt.assemble([b""])


@pytest.mark.parametrize("name", ["vp8", "Vp9", "h264", "h265", "av1", "AV1"])
def test_format_is_found_by_name_without_case(name: str) -> None:
    assert not video(name).packet_is_frame


@pytest.mark.parametrize("name", ["opus", "PCMU", "telephone-event", "H266"])
def test_packet_of_unknown_codec_is_a_frame(name: str) -> None:
    fmt = video(name)
    packet = bytes(range(200))
    assert fmt.packet_is_frame
    assert fmt.packetize(packet, keyframe=True, limit=64) == [packet]
    assert fmt.assemble([packet]) == packet
    assert fmt.is_keyframe_start(packet)
    assert fmt.describe(packet) == FrameShape(True)
    with pytest.raises(MalformedError):
        fmt.assemble([packet, packet])


def test_picture_ids_count_for_each_stream() -> None:
    frame = encoded("VP8")[0]
    first, second = video("VP8"), video("VP8")
    once = through(first, frame)[1]

    assert through(first, frame)[1] != once
    assert through(second, frame)[1] == once
