"""Owns the way of RTP and RTCP from one secure transport to the senders and receivers above it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from peer.rtp.router import RtpRouter
from peer.transport.eager import Pump
from peer.transport.seam.rtp import (
    PARSE_ERRORS,
    HeaderExtensionsMap,
    RtcpPacket,
    deliver_rtcp,
    deliver_rtp,
    parse_rtcp,
    parse_rtp,
    receiver_report,
    rtcp_sources,
    rtcp_subjects,
    streams_of,
)

if TYPE_CHECKING:
    from aiortc.rtcrtpparameters import (
        RTCRtpParameters,
        RTCRtpReceiveParameters,
        RTCRtpSendParameters,
    )
    from aiortc.rtcrtpreceiver import RTCRtpReceiver
    from aiortc.rtcrtpsender import RTCRtpSender


@dataclass(slots=True)
class RtpCounters:
    """What came of the packets.

    Args:
        rtp: RTP packets that reached a receiver.
        rtcp: RTCP packets (parts of a compound) that concerned somebody.
        malformed: Packets that could not be parsed.
        unknown: RTP packets that belong to no m-section.
    """

    rtp: int = 0
    rtcp: int = 0
    malformed: int = 0
    unknown: int = 0


class RtpEngine:
    """Takes the unprotected packets of a secure transport and is the `RtpRegistry` of its face.

    Packets are handled in the order of their arrival and, where no handler waits, at once.
    """

    def __init__(self) -> None:
        self.counters = RtpCounters()
        self._router: RtpRouter[RTCRtpReceiver, RTCRtpSender] = RtpRouter()
        self._parameters: dict[RTCRtpReceiver | RTCRtpSender, RTCRtpParameters] = {}
        self._extensions = HeaderExtensionsMap()
        self._pump = Pump("RTP")
        self._ssrc = secrets.randbelow(0xFFFFFFFF) + 1

    @property
    def dropped(self) -> int:
        """Packets for which there was no room behind a handler that waits."""
        return self._pump.dropped

    @property
    def failed(self) -> int:
        """Packets whose handler raised."""
        return self._pump.failed

    def register_receiver(
        self, receiver: RTCRtpReceiver, parameters: RTCRtpReceiveParameters
    ) -> None:
        """Route to the receiver what these parameters describe, instead of what others did."""
        ssrcs = [encoding.ssrc for encoding in parameters.encodings]
        ssrcs += [encoding.rtx.ssrc for encoding in parameters.encodings if encoding.rtx]
        self._router.add_receiver(
            receiver,
            mid=parameters.muxId,
            ssrcs=ssrcs,
            payload_types=[c.payloadType for c in parameters.codecs if c.payloadType is not None],
        )
        self._remember(receiver, parameters)

    def unregister_receiver(self, receiver: RTCRtpReceiver) -> None:
        """Route nothing to the receiver any more."""
        self._router.remove_receiver(receiver)
        self._remember(receiver, None)

    def register_sender(self, sender: RTCRtpSender, parameters: RTCRtpSendParameters) -> None:
        """Route RTCP about the sender's streams to it."""
        self._router.add_sender(sender, *streams_of(sender))
        self._remember(sender, parameters)

    def unregister_sender(self, sender: RTCRtpSender) -> None:
        """Route nothing to the sender any more."""
        self._router.remove_sender(sender)
        self._remember(sender, None)

    def on_rtp(self, packet: bytes, arrival: float) -> None:
        """Take an RTP packet that arrived at so many seconds of a monotonic clock; never raises."""
        try:
            parsed = parse_rtp(packet, self._extensions)
        except PARSE_ERRORS:
            self.counters.malformed += 1
            return
        receiver = self._router.receiver_of(
            mid=parsed.extensions.mid, ssrc=parsed.ssrc, payload_type=parsed.payload_type
        )
        if receiver is None:
            self.counters.unknown += 1
            return
        self.counters.rtp += 1
        self._pump.submit(partial(deliver_rtp, receiver, parsed, int(arrival * 1000)))

    def on_rtcp(self, packet: bytes) -> None:
        """Take a compound RTCP packet; never raises."""
        try:
            for part in parse_rtcp(packet):
                self._route_rtcp(part)
        except PARSE_ERRORS:
            self.counters.malformed += 1

    def empty_report(self) -> bytes:
        """An RTCP packet that says nothing, from one of our streams where there is any."""
        return receiver_report(next(iter(self._router.sender_ssrcs), self._ssrc))

    async def close(self) -> None:
        """Drop what waits to be handled."""
        await self._pump.close()

    def _route_rtcp(self, packet: RtcpPacket) -> None:
        receivers = self._router.receivers_of(rtcp_sources(packet))
        senders = self._router.senders_of(rtcp_subjects(packet))
        self.counters.rtcp += bool(receivers or senders)
        for receiver in receivers:
            self._pump.submit(partial(deliver_rtcp, receiver, packet))
        for sender in senders:
            self._pump.submit(partial(deliver_rtcp, sender, packet))

    def _remember(
        self, owner: RTCRtpReceiver | RTCRtpSender, parameters: RTCRtpParameters | None
    ) -> None:
        self._parameters.pop(owner, None)
        if parameters is not None:
            self._parameters[owner] = parameters
        # RFC 8843 section 9.3: ids mean the same in every m-section of a transport.
        self._extensions = HeaderExtensionsMap()
        for each in self._parameters.values():
            self._extensions.configure(each)
