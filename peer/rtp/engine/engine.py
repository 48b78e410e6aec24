"""Owns the way of RTP and RTCP between one secure transport and the receivers and senders above it.

`on_rtp`: parsed, counted for congestion feedback, routed, handed to its receiver, all in one call.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from peer.rtp.engine.reception_feedback import ReceptionFeedback
from peer.rtp.engine.report_scheduler import ReportScheduler
from peer.rtp.engine.router import RtpRouter, sources, subjects
from peer.rtp.engine.send_controller import RtpSendController
from peer.rtp.header_extensions import ExtensionIds, elements
from peer.rtp.malformed import MalformedError
from peer.rtp.packet import RtpPacket
from peer.rtp.rtcp import (
    ReceiverEstimatedMaximumBitrate,
    ReceiverReport,
    TransportFeedback,
    parse,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from peer.rtp.engine.ports import ReceiverPort, SenderPort
    from peer.rtp.rtcp import ReceptionReport, RtcpPacket
    from peer.rtp_parameters import HeaderExtension, ReceiveParameters, SendParameters

_NO_ELEMENTS: Mapping[int, bytes] = MappingProxyType({})
_NO_ID = 0


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
    """Takes the unprotected packets of a secure transport, and gives it those to protect.

    Args:
        send_rtp: Protects and sends a packet; False where that is not possible.
        send_rtcp: The same for a compound RTCP packet.
        clock: Seconds, monotonic.
        send_rtp_all: Protects and sends several in their order, at less cost than one by one;
            returns how many could be sent.

    Attributes:
        counters: What came of the packets that arrived.
        clock: As given.
    """

    def __init__(
        self,
        send_rtp: Callable[[bytes], bool],
        send_rtcp: Callable[[bytes], bool],
        clock: Callable[[], float] = time.monotonic,
        *,
        send_rtp_all: Callable[[Sequence[bytes]], int] | None = None,
    ) -> None:
        self.counters = RtpCounters()
        self.clock = clock
        self._send_controller = send_controller = RtpSendController(send_rtp, clock, send_rtp_all)
        # What senders ask for (`SendingEngine`), without a call in between.
        self.send_frame = send_controller.send_frame
        self.discard = send_controller.discard
        self.set_share = send_controller.set_share
        self.on_loss = send_controller.on_loss
        self.on_round_trip = send_controller.on_round_trip
        self._send_rtcp = send_rtcp
        self._router: RtpRouter[ReceiverPort, SenderPort] = RtpRouter()
        self._received: dict[ReceiverPort, ReceiveParameters] = {}
        self._sent: dict[SenderPort, SendParameters] = {}
        self._ssrc = secrets.randbelow(0xFFFFFFFF) + 1
        self._feedback = ReceptionFeedback(self._ssrc, self.send_rtcp, clock)
        self._report_scheduler = ReportScheduler(
            collect=self._reports, send=self.send_rtcp, ssrc=self._own_ssrc, clock=clock
        )
        self._mid_id = _NO_ID
        self._rid_id = _NO_ID
        self._repaired_rid_id = _NO_ID

    @property
    def round_trip_time(self) -> float | None:
        """Of the transport, in seconds, as last measured; None before the first measurement."""
        return self._send_controller.congestion.round_trip_time

    def send_rtcp(self, packets: Sequence[RtcpPacket]) -> bool:
        """Send RTCP in one compound packet; False where the transport could not take it."""
        return self._send_rtcp(write(packets))

    def add_receiver(self, port: ReceiverPort, parameters: ReceiveParameters) -> None:
        """Route to the receiver what these parameters describe, instead of what others did."""
        self._router.add_receiver(
            port,
            mid=parameters.mid,
            ssrcs=[*parameters.ssrcs, *(rtx for rtx, _ in parameters.rtx)],
            payload_types=[codec.payload_type for codec in parameters.codecs],
            rids=parameters.rids,
        )
        self._received[port] = parameters
        self._agree()
        self._report_scheduler.start()

    def remove_receiver(self, port: ReceiverPort) -> None:
        """Route nothing to the receiver any more; nothing happens where it is not known."""
        self._router.remove_receiver(port)
        self._received.pop(port, None)
        self._agree()
        if not self._received:
            self._report_scheduler.stop()

    def add_sender(
        self, port: SenderPort, parameters: SendParameters, ssrcs: tuple[int, ...]
    ) -> None:
        """Route RTCP about these streams to the sender, instead of what went there before."""
        self._router.remove_sender(port)
        self._router.add_sender(port, *ssrcs)
        self._sent[port] = parameters

    def remove_sender(self, port: SenderPort) -> None:
        """Route nothing to the sender any more; nothing happens where it is not known."""
        self._router.remove_sender(port)
        self._sent.pop(port, None)

    def on_rtp(self, packet: bytes, arrival: float) -> None:
        """Take an RTP packet, at its time of arrival in seconds; never raises."""
        counters = self.counters
        try:
            parsed = RtpPacket.parse(packet)
            found = elements(parsed.profile, parsed.extension) if parsed.profile else _NO_ELEMENTS
            mid = found.get(self._mid_id)
            name = None if mid is None else mid.decode()
        except (MalformedError, UnicodeDecodeError):
            counters.malformed += 1
            return
        self._feedback.receive(parsed, found, len(packet), arrival)
        receiver = self._router.receiver_of(
            mid=name,
            ssrc=parsed.ssrc,
            payload_type=parsed.payload_type,
            rid=self._rid(found) if name is None and found else None,
        )
        if receiver is None:
            counters.unknown += 1
            return
        counters.rtp += 1
        receiver.on_rtp(parsed, found, arrival)

    def on_rtcp(self, packet: bytes) -> None:
        """Take a compound RTCP packet; never raises."""
        try:
            parts = parse(packet)
        except MalformedError:
            self.counters.malformed += 1
            return
        now = self.clock()
        for part in parts:
            self._route_rtcp(part, now)

    def empty_report(self) -> bytes:
        """An RTCP packet that says nothing, from one of our streams where there is any."""
        return write((ReceiverReport(self._own_ssrc()),))

    def close(self) -> None:
        """Send and tell nothing more."""
        self._report_scheduler.stop()
        self._feedback.close()
        self._send_controller.close()

    def _route_rtcp(self, packet: RtcpPacket, now: float) -> None:
        match packet:
            case TransportFeedback():
                self._send_controller.on_feedback(packet)
                self.counters.rtcp += 1
                return
            case ReceiverEstimatedMaximumBitrate():
                self._send_controller.on_remb(packet.bitrate)
                self.counters.rtcp += 1
                return
            case _:
                pass
        receivers = self._router.receivers_of(sources(packet))
        senders = self._router.senders_of(subjects(packet))
        self.counters.rtcp += bool(receivers or senders)
        for receiver in receivers:
            receiver.on_rtcp(packet, now)
        for sender in senders:
            sender.on_rtcp(packet, now)

    def _rid(self, found: Mapping[int, bytes]) -> str | None:
        value = found.get(self._rid_id) or found.get(self._repaired_rid_id)
        # RFC 8852 section 3: letters and digits only; anything else is nobody's.
        return None if value is None else value.decode("ascii", "replace")

    def _reports(self, now: float) -> Iterator[ReceptionReport]:
        for receiver in tuple(self._received):
            yield from receiver.reports(now)

    def _own_ssrc(self) -> int:
        return next(iter(self._router.sender_ssrcs), self._ssrc)

    def _agree(self) -> None:
        # RFC 8843 section 9.3: ids mean the same in every m-section of a transport.
        agreed: list[HeaderExtension] = []
        for each in self._received.values():
            agreed += each.extensions
        ids = ExtensionIds.of(agreed)
        self._mid_id = ids.mid or _NO_ID
        self._rid_id = ids.rid or _NO_ID
        self._repaired_rid_id = ids.repaired_rid or _NO_ID
        self._feedback.configure(
            self._received.values(), transport_cc=ids.transport_cc, send_time=ids.abs_send_time
        )
