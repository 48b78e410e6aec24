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

#: Longest time, in seconds, from a packet to the feedback on it (libwebrtc: 0.1).
FEEDBACK_INTERVAL = 0.1
#: Packets that make feedback due at once (ours): at 20 Mbit/s about every 50 ms.
FEEDBACK_PACKETS = 100

_TRANSPORT_CC = "transport-cc"
_REMB = "goog-remb"


class ReceptionFeedback:
    """Sends the form of feedback that was agreed about the packets of a transport.

    Where both forms were agreed, the transport-wide one is used: it says more, and a sender that
    gets both would obey the lower.

    Args:
        ssrc: The SSRC of the feedback.
        send: Sends RTCP.
        clock: The monotonic clock, in seconds.

    Attributes:
        transport_cc_id: The extension id of the transport-wide sequence number; None where this
            form was not agreed.
        arrivals: Transport-wide sequence number (the element as received), SSRC and arrival of
            each packet since the last transport-wide feedback. The engine adds to it, and calls
            `schedule` with the first, and once there are `FEEDBACK_PACKETS`.
        uses_remb: True where REMB was agreed: `receive` takes every packet.
    """

    def __init__(
        self,
        ssrc: int,
        send: Callable[[Sequence[RtcpPacket]], bool],
        clock: Callable[[], MonotonicTime],
    ) -> None:
        self.transport_cc_id: int | None = None
        self.uses_remb = False
        self._send = send
        self.arrivals: list[tuple[bytes, int, MonotonicTime]] = []
        self._recorder = TwccRecorder(ssrc)
        #: Made where REMB is agreed: its counters cost a connection more than anything else here.
        self._remb: RembEstimator | None = None
        self._alarm = Alarm(clock, self._send_feedback)
        self._send_time_id: int | None = None

    def __repr__(self) -> str:
        form = "none"
        if self.transport_cc_id is not None:
            form = _TRANSPORT_CC
        elif self.uses_remb:
            form = _REMB
        return f"<ReceptionFeedback {form} ssrc={self._recorder.sender_ssrc}>"

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
        self.transport_cc_id = transport_cc if _TRANSPORT_CC in agreed else None
        use_remb = _REMB in agreed and self.transport_cc_id is None
        self._send_time_id = send_time if use_remb else None
        self.uses_remb = self._send_time_id is not None
        if self.uses_remb and self._remb is None:
            self._remb = RembEstimator(self._recorder.sender_ssrc)

    def receive(
        self, packet: RtpPacket, elements: Mapping[int, bytes], size: int, arrival: MonotonicTime
    ) -> None:
        """Use the send time that a packet says, where REMB was agreed.

        Args:
            packet: Parsed.
            elements: Its header extension elements by id.
            size: Bytes of the whole RTP packet.
            arrival: Arrival of the packet.
        """
        value = elements.get(self._send_time_id or 0)
        if value is not None and self._remb is not None:
            estimate = self._remb.receive(
                ssrc=packet.ssrc, send_time=value, size=size, arrival=arrival
            )
            if estimate is not None:
                self._send((estimate,))

    def schedule(self, now: MonotonicTime) -> None:
        """Send transport-wide feedback about the arrivals: now where they are many, or soon."""
        if len(self.arrivals) >= FEEDBACK_PACKETS:
            self._send_feedback(now)
        else:
            self._alarm.set(now + FEEDBACK_INTERVAL)

    def close(self) -> None:
        """Send no more feedback."""
        self._alarm.cancel()

    def _send_feedback(self, _now: MonotonicTime) -> None:
        recorder = self._recorder
        for element, ssrc, arrival in self.arrivals:
            try:
                number = read_transport_sequence_number(element)
            except MalformedError:
                continue
            recorder.record(number, ssrc=ssrc, arrival=arrival)
        self.arrivals.clear()
        self._alarm.set(None)
        for feedback in recorder.feedback():
            self._send((feedback,))
