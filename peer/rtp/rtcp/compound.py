"""Parses and writes RTCP compound packets: the RTCP of one datagram (RFC 3550 section 6.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from peer.rtp.malformed import MalformedError
from peer.rtp.rtcp.description import Goodbye, SourceDescription
from peer.rtp.rtcp.feedback import FullIntraRequest, Nack, PictureLossIndication
from peer.rtp.rtcp.header import (
    COUNT,
    HEADER,
    PADDING,
    VERSION,
    VERSION_MASK,
    PacketType,
    PayloadFeedbackType,
    TransportFeedbackType,
    UnknownPacket,
)
from peer.rtp.rtcp.remb import ReceiverEstimatedMaximumBitrate, is_remb
from peer.rtp.rtcp.reports import ReceiverReport, SenderReport
from peer.rtp.rtcp.transport_feedback import TransportFeedback

#: Packets that all transport-wide feedback of one datagram may report on (ours): a few octets can
#: stand for many thousands.
STATUSES_LIMIT = 0xFFFF

RtcpPacket: TypeAlias = (
    SenderReport
    | ReceiverReport
    | SourceDescription
    | Goodbye
    | Nack
    | PictureLossIndication
    | FullIntraRequest
    | ReceiverEstimatedMaximumBitrate
    | TransportFeedback
    | UnknownPacket
)


def parse(data: bytes) -> list[RtcpPacket]:
    """Parse the RTCP packets of a datagram, in their order.

    Packets of unknown types become `UnknownPacket`. A single packet of any type is accepted
    (reduced-size RTCP, RFC 5506).

    Raises:
        MalformedError: The datagram is empty, or one packet is malformed; none is to be used.
    """
    packets: list[RtcpPacket] = []
    statuses = 0
    for packet_type, count, body in _split(data):
        packet = _parse_one(body, packet_type=packet_type, count=count)
        if isinstance(packet, TransportFeedback):
            statuses += len(packet.arrivals)
            if statuses > STATUSES_LIMIT:
                raise MalformedError("RTCP tells of too many packets")
        packets.append(packet)
    if not packets:
        raise MalformedError("RTCP without a packet")
    return packets


def write(packets: Iterable[RtcpPacket]) -> bytes:
    """Write RTCP packets as one datagram, in their order.

    Raises:
        ValueError: A packet holds more than its format has room for (`struct.error` where a
            number exceeds its bits).
    """
    return b"".join(packet.write() for packet in packets)


def _split(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = 0
    while at < len(data):
        if at + HEADER.size > len(data):
            raise MalformedError("an RTCP header is cut short", at)
        first, packet_type, words = HEADER.unpack_from(data, at)
        if first & VERSION_MASK != VERSION:
            raise MalformedError("RTCP of another version than 2", at)
        start = at + HEADER.size
        at = end = start + 4 * words
        if end > len(data):
            raise MalformedError("an RTCP packet is cut short", start)
        # RFC 3550 section 6.4.1: only the last packet should be padded; Chromium pads its
        # transport-wide feedback wherever it stands.
        if first & PADDING:
            padding = data[end - 1]
            if not 0 < padding <= end - start:
                raise MalformedError("an RTCP packet has less padding than it says", end)
            end -= padding
        yield packet_type, first & COUNT, data[start:end]


def _parse_one(body: bytes, *, packet_type: int, count: int) -> RtcpPacket:
    match packet_type:
        case PacketType.SENDER_REPORT:
            return SenderReport.parse(count, body)
        case PacketType.RECEIVER_REPORT:
            return ReceiverReport.parse(count, body)
        case PacketType.SOURCE_DESCRIPTION:
            return SourceDescription.parse(count, body)
        case PacketType.GOODBYE:
            return Goodbye.parse(count, body)
        case PacketType.TRANSPORT_FEEDBACK | PacketType.PAYLOAD_FEEDBACK:
            return _parse_feedback(body, packet_type=packet_type, count=count)
        case _:
            return UnknownPacket(packet_type, count, body)


def _parse_feedback(body: bytes, *, packet_type: int, count: int) -> RtcpPacket:
    match packet_type, count:
        case PacketType.TRANSPORT_FEEDBACK, TransportFeedbackType.NACK:
            return Nack.parse(body)
        case PacketType.TRANSPORT_FEEDBACK, TransportFeedbackType.TRANSPORT_CC:
            return TransportFeedback.parse(body)
        case PacketType.PAYLOAD_FEEDBACK, PayloadFeedbackType.PLI:
            return PictureLossIndication.parse(body)
        case PacketType.PAYLOAD_FEEDBACK, PayloadFeedbackType.FIR:
            return FullIntraRequest.parse(body)
        case PacketType.PAYLOAD_FEEDBACK, PayloadFeedbackType.APPLICATION if is_remb(body):
            return ReceiverEstimatedMaximumBitrate.parse(body)
        case _:
            return UnknownPacket(packet_type, count, body)
