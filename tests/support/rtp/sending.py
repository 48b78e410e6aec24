"""Parameters and packets of senders for the tests of sending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.packet import (
    ABS_CAPTURE_TIME,
    ABS_SEND_TIME,
    AUDIO_LEVEL,
    MID,
    PLAYOUT_DELAY,
    TRANSPORT_CC,
    elements,
    read_transport_sequence_number,
)
from peer.rtp_parameters import Codec, Feedback, HeaderExtension, MediaKind, SendParameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.rtp.packet import RtpPacket
    from peer.rtp.sending import OutboundFrame

MID_ID, NUMBER_ID, SEND_TIME_ID, LEVEL_ID, CAPTURE_ID, DELAY_ID = range(1, 7)
#: Octets of room in the pacer: more than any frame of these tests has.
ROOM = 1_000_000.0
EXTENSIONS = tuple(
    HeaderExtension(number, uri)
    for number, uri in (
        (MID_ID, MID),
        (NUMBER_ID, TRANSPORT_CC),
        (SEND_TIME_ID, ABS_SEND_TIME),
        (LEVEL_ID, AUDIO_LEVEL),
        (CAPTURE_ID, ABS_CAPTURE_TIME),
        (DELAY_ID, PLAYOUT_DELAY),
    )
)
VP8 = Codec(
    kind=MediaKind.VIDEO,
    name="VP8",
    payload_type=96,
    clock_rate=90_000,
    feedback=(Feedback("nack"), Feedback("nack", "pli")),
)
RTX = Codec(
    kind=MediaKind.VIDEO,
    name="rtx",
    payload_type=97,
    clock_rate=90_000,
    parameters=(("apt", "96"),),
)
OPUS = Codec(kind=MediaKind.AUDIO, name="opus", payload_type=111, clock_rate=48_000, channels=2)


def video_parameters(
    *codecs: Codec, extensions: tuple[HeaderExtension, ...] = EXTENSIONS
) -> SendParameters:
    return SendParameters(
        mid="v", codecs=codecs or (VP8, RTX), extensions=extensions, cname="someone"
    )


def audio_parameters(extensions: tuple[HeaderExtension, ...] = EXTENSIONS) -> SendParameters:
    return SendParameters(mid="a", codecs=(OPUS,), extensions=extensions, cname="someone")


def header(packet: RtpPacket) -> dict[int, bytes]:
    return elements(packet.profile, packet.extension)


def written(
    frame: OutboundFrame, *, number: int = 0, now: float, room: float = ROOM
) -> Sequence[bytes]:
    """Have the source of a frame write its next packets, as the pacer does."""
    return frame.source.write_packets(frame, transport_sequence_number=number, now=now, room=room)


def transport_number(packet: RtpPacket) -> int:
    return read_transport_sequence_number(header(packet)[NUMBER_ID])
