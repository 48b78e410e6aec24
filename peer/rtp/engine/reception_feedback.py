"""Sends the peer the feedback of its congestion control: transport-wide feedback, or REMB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.alarm import Alarm
from peer.rtp.congestion import RembEstimator, TwccRecorder
from peer.rtp.malformed import MalformedError
from peer.rtp.packet import read_transport_sequence_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from peer.rtp.packet import RtpPacket
    from peer.rtp.rtcp import RtcpPacket
    from peer.rtp_parameters import ReceiveParameters
    from peer.times import MonotonicTime

_TRANSPORT_CC = "transport-cc"
_REMB = "goog-remb"


class ReceptionFeedback:
    """Notes the arrival of every packet of a transport, and sends the agreed form of feedback.

    Where both forms were agreed, the transport-wide one is used: it says more, and a sender that
    gets both would obey the lower.

    Args:
        ssrc: The SSRC of the feedback.
        send: Sends RTCP.
        clock: The monotonic clock, in seconds.
    """

    def __init__(
        self,
        ssrc: int,
        send: Callable[[Sequence[RtcpPacket]], bool],
        clock: Callable[[], MonotonicTime],
    ) -> None:
        self._ssrc = ssrc
        self._send = send
        self._recorder = TwccRecorder(ssrc)
        self._remb = RembEstimator(ssrc)
        self._alarm = Alarm(clock, self._send_feedback)
        self._transport_cc_id: int | None = None
        self._send_time_id: int | None = None

    def __repr__(self) -> str:
        form = "none"
        if self._transport_cc_id is not None:
            form = _TRANSPORT_CC
        elif self._send_time_id is not None:
            form = _REMB
        return f"<ReceptionFeedback {form} ssrc={self._ssrc}>"

    def configure(
        self,
        parameters: Iterable[ReceiveParameters],
        *,
        transport_cc: int | None,
        send_time: int | None,
    ) -> None:
        """Send the form of feedback that was agreed.

        Args:
            parameters: The parameters of every receiver of the transport.
            transport_cc: The extension id of the transport-wide sequence number; None without.
            send_time: The extension id of the absolute send time; None without.
        """
        agreed = {f.type for each in parameters for codec in each.codecs for f in codec.feedback}
        self._transport_cc_id = transport_cc if _TRANSPORT_CC in agreed else None
        use_remb = _REMB in agreed and self._transport_cc_id is None
        self._send_time_id = send_time if use_remb else None

    def receive(
        self, packet: RtpPacket, elements: Mapping[int, bytes], size: int, arrival: MonotonicTime
    ) -> None:
        """Note the arrival of a packet of any stream.

        Args:
            packet: Parsed.
            elements: Its header extension elements by id.
            size: Bytes of the whole RTP packet.
            arrival: Arrival of the packet.
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
        """Send no more feedback."""
        self._alarm.cancel()

    def _note(self, value: bytes, ssrc: int, arrival: MonotonicTime) -> None:
        try:
            sequence_number = read_transport_sequence_number(value)
        except MalformedError:
            return
        recorder = self._recorder
        if recorder.record(sequence_number, ssrc=ssrc, arrival=arrival):
            self._send_feedback(arrival)
        elif recorder.deadline is not None:
            self._alarm.set(recorder.deadline)

    def _send_feedback(self, _now: MonotonicTime) -> None:
        for feedback in self._recorder.feedback():
            self._send((feedback,))
        self._alarm.set(self._recorder.deadline)
