"""Owns what the peer is told so that it can find its rate: transport-wide feedback, or REMB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.alarm import Alarm
from peer.rtp.congestion import RembEstimator, TwccRecorder
from peer.rtp.header_extensions import read_transport_number
from peer.rtp.malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from peer.rtp.packet import RtpPacket
    from peer.rtp.rtcp import RtcpPacket
    from peer.rtp_parameters import ReceiveParameters

_TRANSPORT_CC = "transport-cc"
_REMB = "goog-remb"


class ReceptionFeedback:
    """Notes every packet of a transport, and tells the peer in the form that was agreed.

    Where both forms were agreed, the transport-wide one is used: it says more, and a sender that is
    told both would obey the lower.

    Args:
        ssrc: Whom the feedback is from.
        send: Takes what to send.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        ssrc: int,
        send: Callable[[Sequence[RtcpPacket]], bool],
        clock: Callable[[], float],
    ) -> None:
        self._ssrc = ssrc
        self._send = send
        self._recorder = TwccRecorder(ssrc)
        self._remb = RembEstimator(ssrc)
        self._alarm = Alarm(clock, self._tell)
        self._transport_cc_id: int | None = None
        self._send_time_id: int | None = None

    def configure(
        self,
        parameters: Iterable[ReceiveParameters],
        *,
        transport_cc: int | None,
        send_time: int | None,
    ) -> None:
        """Follow what was agreed.

        Args:
            parameters: Of every receiver of the transport.
            transport_cc: The id of the transport-wide number; None where there is none.
            send_time: The id of the time of sending; None where there is none.
        """
        agreed = {f.type for each in parameters for codec in each.codecs for f in codec.feedback}
        self._transport_cc_id = transport_cc if _TRANSPORT_CC in agreed else None
        use_remb = _REMB in agreed and self._transport_cc_id is None
        self._send_time_id = send_time if use_remb else None

    def receive(
        self, packet: RtpPacket, elements: Mapping[int, bytes], size: int, arrival: float
    ) -> None:
        """Note a packet.

        Args:
            packet: Whatever stream it is of.
            elements: Its header extensions.
            size: Octets of the whole packet.
            arrival: In seconds.
        """
        if self._transport_cc_id is not None:
            value = elements.get(self._transport_cc_id)
            if value is not None:
                self._note(value, packet.ssrc, arrival)
        elif self._send_time_id is not None:
            value = elements.get(self._send_time_id)
            if value is not None:
                estimate = self._remb.receive(
                    ssrc=packet.ssrc, send_time=value, size=size, arrival=arrival
                )
                if estimate is not None:
                    self._send((estimate,))

    def close(self) -> None:
        """Tell nothing more."""
        self._alarm.cancel()

    def _note(self, value: bytes, ssrc: int, arrival: float) -> None:
        try:
            number = read_transport_number(value)
        except MalformedError:
            return
        recorder = self._recorder
        if recorder.record(number, ssrc=ssrc, arrival=arrival):
            self._tell(arrival)
        elif recorder.deadline is not None:
            self._alarm.set(recorder.deadline)

    def _tell(self, _now: float) -> None:
        for feedback in self._recorder.feedback():
            self._send((feedback,))
        self._alarm.set(self._recorder.deadline)
