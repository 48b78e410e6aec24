"""The RTP engine of one transport: routes RTP and RTCP, sends feedback, reports and paced frames.

`on_rtp` parses a packet, notes it for congestion feedback, routes it and hands it to its receiver,
all in one call.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from peer.rtp.engine.reception_feedback import FEEDBACK_PACKETS, ReceptionFeedback
from peer.rtp.engine.report_scheduler import ReportScheduler
from peer.rtp.engine.router import RtpRouter, sources, subjects
from peer.rtp.engine.send_controller import RtpSendController
from peer.rtp.malformed import MalformedError
from peer.rtp.packet import ExtensionIds, RtpPacket, elements
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
    from peer.times import MonotonicTime, Seconds

_NO_ELEMENTS: Mapping[int, bytes] = MappingProxyType({})
#: Extension id of an extension that was not agreed: ids begin at 1 (RFC 8285).
_NO_ID = 0
#: Limit of the SSRCs whose route is remembered (ours). It is less than the SSRCs that the router
#: remembers, which so learns again of those in use before it forgets them.
_ROUTE_LIMIT = 64


@dataclass(slots=True)
class RtpCounters:
    """The counts of the packets that a transport received.

    Args:
        rtp: RTP packets that reached a receiver.
        rtcp: RTCP packets (parts of a compound) that concerned a receiver or sender.
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
        send_rtp: Protects and sends an RTP packet; False where that is not possible.
        send_rtcp: Protects and sends a compound RTCP packet; False where that is not possible.
        clock: The monotonic clock, in seconds.
        send_rtp_all: Protects and sends several RTP packets in their order, at less cost than one
            by one; returns how many could be sent.

    Attributes:
        counters: The counts of the packets that arrived.
        clock: As given.
        send_frame, discard, set_share, on_loss, on_round_trip: The part of `SendingEngine` that the
            `RtpSendController` does; see `_bind_sending`.
    """

    def __init__(
        self,
        send_rtp: Callable[[bytes], bool],
        send_rtcp: Callable[[bytes], bool],
        clock: Callable[[], MonotonicTime] = time.monotonic,
        *,
        send_rtp_all: Callable[[Sequence[bytes]], int] | None = None,
    ) -> None:
        self.counters = RtpCounters()
        self.clock = clock
        self._send_controller = RtpSendController(send_rtp, clock, send_rtp_all)
        self._bind_sending(self._send_controller)
        self._send_rtcp = send_rtcp
        self._router: RtpRouter[ReceiverPort, SenderPort] = RtpRouter()
        # Payload type, MID element and receiver of the last packet of each SSRC: packets like it
        # take the same way until receivers change.
        self._routes: dict[int, tuple[int, bytes | None, ReceiverPort]] = {}
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
        self._transport_cc_id = _NO_ID

    def _bind_sending(self, controller: RtpSendController) -> None:
        """Make methods of the controller those of the engine: the one place that does.

        Senders call them for every frame, and methods here that only pass the call on would cost
        one more call each. They are bound once: nothing replaces the controller.
        """
        self.send_frame = controller.send_frame
        self.discard = controller.discard
        self.set_share = controller.set_share
        self.on_loss = controller.on_loss
        self.on_round_trip = controller.on_round_trip

    def __repr__(self) -> str:
        counters = self.counters
        return (
            f"<RtpEngine receivers={len(self._received)} senders={len(self._sent)}"
            f" rtp={counters.rtp} rtcp={counters.rtcp} unknown={counters.unknown}"
            f" malformed={counters.malformed}>"
        )

    @property
    def available_bitrate(self) -> int | None:
        """Target bitrate of all senders in bits/s; None without one."""
        return self._send_controller.congestion.target if self._sent else None

    @property
    def round_trip_time(self) -> Seconds | None:
        """Round-trip time of the transport, in seconds; None before the first measurement."""
        return self._send_controller.congestion.round_trip_time

    def send_rtcp(self, packets: Sequence[RtcpPacket]) -> bool:
        """Send RTCP in one compound packet; False where the transport could not take it."""
        return self._send_rtcp(write(packets))

    def use_rtcp_sender(self, send_rtcp: Callable[[bytes], bool]) -> None:
        """Send RTCP another way than RTP, as it has a port of its own (no rtcp-mux)."""
        self._send_rtcp = send_rtcp

    def add_receiver(self, port: ReceiverPort, parameters: ReceiveParameters) -> None:
        """Route the streams of these parameters to the receiver, instead of those before."""
        self._router.add_receiver(
            port,
            mid=parameters.mid,
            ssrcs=[*parameters.ssrcs, *(rtx for rtx, _ in parameters.rtx)],
            payload_types=[codec.payload_type for codec in parameters.codecs],
            rids=parameters.rids,
        )
        self._routes.clear()
        self._received[port] = parameters
        self._agree_on_extensions()
        self._report_scheduler.start()

    def remove_receiver(self, port: ReceiverPort) -> None:
        """Route nothing to the receiver any more; nothing happens where it is not known."""
        self._router.remove_receiver(port)
        self._routes.clear()
        self._received.pop(port, None)
        self._agree_on_extensions()
        if not self._received:
            self._report_scheduler.stop()

    def add_sender(
        self, port: SenderPort, parameters: SendParameters, ssrcs: tuple[int, ...]
    ) -> None:
        """Route RTCP about these streams to the sender, instead of those before."""
        self._router.remove_sender(port)
        self._router.add_sender(port, *ssrcs)
        self._sent[port] = parameters

    def remove_sender(self, port: SenderPort) -> None:
        """Route nothing to the sender any more; nothing happens where it is not known."""
        self._router.remove_sender(port)
        self._sent.pop(port, None)

    def on_rtp(self, packet: bytes, arrival: MonotonicTime) -> None:
        """Take an RTP packet and its arrival; never raises."""
        counters = self.counters
        try:
            parsed = RtpPacket.parse(packet)
            found = elements(parsed.profile, parsed.extension) if parsed.profile else _NO_ELEMENTS
            mid = found.get(self._mid_id)
            route = self._routes.get(parsed.ssrc)
            if route is not None and route[0] == parsed.payload_type and route[1] == mid:
                receiver: ReceiverPort | None = route[2]
            else:
                receiver = self._route(parsed, found, mid)
        except (MalformedError, UnicodeDecodeError):
            counters.malformed += 1
            return
        transport_cc = found.get(self._transport_cc_id)
        if transport_cc is not None:
            arrivals = self._feedback.arrivals
            arrivals.append((transport_cc, parsed.ssrc, arrival))
            if len(arrivals) == 1 or len(arrivals) >= FEEDBACK_PACKETS:
                self._feedback.schedule(arrival)
        elif self._feedback.uses_remb:
            self._feedback.receive(parsed, found, len(packet), arrival)
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
        """A receiver report without report blocks, from one of our SSRCs where there is any."""
        return write((ReceiverReport(self._own_ssrc()),))

    def close(self) -> None:
        """Send and report nothing more."""
        self._report_scheduler.stop()
        self._feedback.close()
        self._send_controller.close()

    def _route(
        self, packet: RtpPacket, found: Mapping[int, bytes], mid: bytes | None
    ) -> ReceiverPort | None:
        """Ask the router for the receiver of a packet, and remember it for the SSRC.

        Raises:
            UnicodeDecodeError: The MID is not UTF-8.
        """
        receiver = self._router.receiver_of(
            mid=None if mid is None else mid.decode(),
            ssrc=packet.ssrc,
            payload_type=packet.payload_type,
            rid=self._rid(found) if mid is None and found else None,
        )
        if receiver is not None:
            if len(self._routes) >= _ROUTE_LIMIT:
                self._routes.clear()
            self._routes[packet.ssrc] = packet.payload_type, mid, receiver
        return receiver

    def _route_rtcp(self, packet: RtcpPacket, now: MonotonicTime) -> None:
        match packet:
            case TransportFeedback():
                self._send_controller.on_feedback(packet)
                self.counters.rtcp += 1
                return
            case ReceiverEstimatedMaximumBitrate():
                self._send_controller.on_remb(packet.bitrate)
                self.counters.rtcp += 1
                return
            case ReceiverReport(reports=()):
                # It probes a DTLS association, and concerns no stream.
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
        # RFC 8852 section 3: letters and digits only; no m-section has another one.
        return None if value is None else value.decode("ascii", "replace")

    def _reports(self, now: MonotonicTime) -> Iterator[ReceptionReport]:
        for receiver in tuple(self._received):
            yield from receiver.reports(now)

    def _own_ssrc(self) -> int:
        if not self._sent:
            return self._ssrc
        return next(iter(self._router.sender_ssrcs), self._ssrc)

    def _agree_on_extensions(self) -> None:
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
        self._transport_cc_id = self._feedback.transport_cc_id or _NO_ID
