"""Transport-wide congestion control feedback of RTCP (TWCC).

draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1 defines the format.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from struct import Struct
from typing import Final, Self

from peer.rtp.malformed import MalformedError
from peer.rtp.rtcp.feedback import unpack_ssrcs
from peer.rtp.rtcp.header import FEEDBACK_SSRCS, PacketType, TransportFeedbackType, pack_packet
from peer.values import dataclass

#: Seconds in one unit of `TransportFeedback.reference_time` (section 3.1).
REFERENCE_UNIT = 0.064
#: Seconds in one tick of `TransportFeedback.arrivals` (section 3.1.5).
TICK = 0.00025

_FIXED = Struct("!HHI")
_CHUNK = Struct("!H")
_START = FEEDBACK_SSRCS.size + _FIXED.size
#: Longest run of one run-length chunk: 13 bits (section 3.1.3).
_RUN_LIMIT = 0x1FFF
_DELTA_LOW, _DELTA_HIGH = -0x8000, 0x7FFF


# Packet status symbols (section 3.1.1): the number of octets of the delta that follows. An IntEnum
# would take half of the time of parsing.
_LOST: Final = 0
_SMALL: Final = 1
_LARGE: Final = 2
_RESERVED: Final = 3
_RUNS: Final = (b"\0", b"\1", b"\2", b"\3")
_ARRIVED: Final = re.compile(rb"[\1\2]")


@dataclass(frozen=True, slots=True)
class TransportFeedback:
    """Transport-wide feedback tells the arrival times of a range of packets.

    Args:
        sender_ssrc: SSRC of the packet sender.
        media_ssrc: SSRC of any stream of the transport.
        count: Feedback packet count, 8 bits.
        base_sequence: Transport-wide sequence number of the first packet, 16 bits.
        reference_time: In units of 64 ms, 24 bits with sign.
        arrivals: Arrival of each packet in ticks of 250 us from the reference time; None where it
            did not arrive. At most 65535.
    """

    sender_ssrc: int
    media_ssrc: int
    count: int
    base_sequence: int
    reference_time: int
    arrivals: tuple[int | None, ...]

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Parse the octets after the header."""
        sender_ssrc, media_ssrc = unpack_ssrcs(body)
        if len(body) < _START:
            raise MalformedError("transport-wide feedback is cut short", len(body))
        base, total, word = _FIXED.unpack_from(body, FEEDBACK_SSRCS.size)
        if not total:
            raise MalformedError("transport-wide feedback on no packet", FEEDBACK_SSRCS.size)
        reference = word >> 8
        if reference >= 1 << 23:
            reference -= 1 << 24
        statuses, at = _statuses(body, total)
        return cls(
            sender_ssrc, media_ssrc, word & 0xFF, base, reference, _arrivals(body, at, statuses)
        )

    def write(self) -> bytes:
        """Write the packet as on the wire, with the shortest chunks.

        Raises:
            ValueError: There are no packets or too many, or a packet that arrived is more than
                8.19 s apart from the one before it in the range (the first from the reference).
        """
        if not 0 < len(self.arrivals) <= 0xFFFF:
            raise ValueError("feedback tells of 1 to 65535 packets")
        statuses, deltas = _deltas(self.arrivals)
        word = (self.reference_time & 0xFFFFFF) << 8 | self.count
        body = bytearray(FEEDBACK_SSRCS.pack(self.sender_ssrc, self.media_ssrc))
        body += _FIXED.pack(self.base_sequence, len(self.arrivals), word)
        for chunk in _chunks(statuses):
            body += _CHUNK.pack(chunk)
        body += deltas
        body += bytes(-len(body) % 4)
        return pack_packet(
            bytes(body),
            packet_type=PacketType.TRANSPORT_FEEDBACK,
            count=TransportFeedbackType.TRANSPORT_CC,
        )


def _statuses(body: bytes, total: int) -> tuple[bytearray, int]:
    statuses = bytearray()
    at = _START
    while len(statuses) < total:
        if at + 2 > len(body):
            raise MalformedError("transport-wide feedback ends within its statuses", at)
        (chunk,) = _CHUNK.unpack_from(body, at)
        at += 2
        # Section 3.1.3: a run of packets with one status.
        if chunk < 0x8000:
            statuses += _RUNS[chunk >> 13] * min(chunk & _RUN_LIMIT, total - len(statuses))
        # Section 3.1.4: 14 statuses of one bit, or 7 of two.
        elif chunk < 0xC000:
            statuses += bytes(chunk >> shift & 1 for shift in range(13, -1, -1))
        else:
            statuses += bytes(chunk >> shift & 3 for shift in range(12, -1, -2))
    del statuses[total:]
    return statuses, at


def _arrivals(body: bytes, at: int, statuses: bytearray) -> tuple[int | None, ...]:
    if _RESERVED in statuses:
        raise MalformedError("transport-wide feedback has a reserved status", at)
    if at + sum(statuses) > len(body):
        raise MalformedError("transport-wide feedback ends within its times", len(body))
    arrivals: list[int | None] = [None] * len(statuses)
    now = 0
    # A few octets can stand for many thousands of losses, which are not looked at one by one.
    for found in _ARRIVED.finditer(statuses):
        status = statuses[found.start()]
        if status == _SMALL:
            now += body[at]
        else:
            now += int.from_bytes(body[at : at + 2], "big", signed=True)
        at += status
        arrivals[found.start()] = now
    return tuple(arrivals)


def _deltas(arrivals: Sequence[int | None]) -> tuple[list[int], bytes]:
    statuses: list[int] = []
    deltas = bytearray()
    before = 0
    for arrival in arrivals:
        if arrival is None:
            statuses.append(_LOST)
            continue
        delta = arrival - before
        before = arrival
        if 0 <= delta <= 0xFF:
            statuses.append(_SMALL)
            deltas.append(delta)
        elif _DELTA_LOW <= delta <= _DELTA_HIGH:
            statuses.append(_LARGE)
            deltas += delta.to_bytes(2, "big", signed=True)
        else:
            raise ValueError("arrivals are too far apart for one feedback")
    return statuses, bytes(deltas)


def _chunks(statuses: Sequence[int]) -> Sequence[int]:
    chunks = []
    at = 0
    total = len(statuses)
    while at < total:
        status = statuses[at]
        next_14 = statuses[at : at + 14]
        width = 7 if _LARGE in next_14 else 14
        run = 1
        while run < _RUN_LIMIT and at + run < total and statuses[at + run] == status:
            run += 1
        # A run is as short as a list where it fills one, and shorter beyond.
        if run >= width or at + run == total:
            chunks.append(status << 13 | run)
            at += run
        elif width == 14:
            chunks.append(0x8000 | _join(next_14, width=14, bits=1))
            at += 14
        else:
            chunks.append(0xC000 | _join(next_14[:7], width=7, bits=2))
            at += 7
    return chunks


def _join(statuses: Sequence[int], *, width: int, bits: int) -> int:
    word = 0
    for status in statuses:
        word = word << bits | status
    return word << bits * (width - len(statuses))
