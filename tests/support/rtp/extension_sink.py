"""Owns what header extensions say in the packets that come to us; they are in clear under SRTP."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from peer.rtp.header_extensions import elements
from peer.tracing.events import Datagram, DatagramKind, Direction

if TYPE_CHECKING:
    from peer.tracing.events import TraceEvent

_HEADER = 12


class ExtensionSink:
    """A trace sink that notes the extensions of received RTP.

    Attributes:
        heard: By SSRC, the ids and values of all its packets so far.
    """

    wants_data = True

    def __init__(self) -> None:
        self.heard: dict[int, set[tuple[int, bytes]]] = defaultdict(set)

    def __call__(self, event: TraceEvent) -> None:
        match event:
            case Datagram(direction=Direction.IN, kind=DatagramKind.SRTP, data=data):
                self._note(data)

    def values(self, number: int) -> dict[int, set[bytes]]:
        """What was said under an id, by SSRC."""
        return {
            ssrc: {value for found, value in heard if found == number}
            for ssrc, heard in self.heard.items()
        }

    def _note(self, packet: bytes) -> None:
        # RFC 3550 section 5.3.1: behind the fixed header and the contributing sources.
        at = _HEADER + 4 * (packet[0] & 0x0F)
        ssrc = int.from_bytes(packet[8:12])
        if packet[0] & 0x10:
            profile, words = int.from_bytes(packet[at : at + 2]), packet[at + 2 : at + 4]
            extension = packet[at + 4 : at + 4 + 4 * int.from_bytes(words)]
            self.heard[ssrc].update(elements(profile, extension).items())
