"""Owns `Transmission`: one stream of a sender, from payloads to packets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from peer.rtp.sending.counters import TransmissionCounters

if TYPE_CHECKING:
    from peer.rtp.levels import AudioLevel
    from peer.rtp.rtcp import ReceptionReport, SenderReport
    from peer.rtp.sending.outbound import OutboundFrame
    from peer.rtp_parameters import MediaKind, SendParameters


class Transmission:
    """One stream: sequence numbers, timestamps, headers, what was sent, and its repair.

    Sequence numbers and timestamps begin anywhere and go on through every change of parameters.
    A frame becomes packets as the pacer sends it, so that one dropped by the pacer leaves no gap.

    Args:
        kind: Audio or video.
        ssrc: Of the stream.
        rtx_ssrc: Of its retransmissions.
        parameters: How to send.
        on_keyframe_needed: Called when frames were dropped, so that the peer can only go on with
            a key frame; until one is given, no frame is taken.

    Attributes:
        counters: What was sent.
        round_trip_time: In seconds, by the peer's last report; None before one. Repairs are not
            repeated within it.
    """

    def __init__(
        self,
        kind: MediaKind,
        ssrc: int,
        rtx_ssrc: int,
        parameters: SendParameters,
        *,
        on_keyframe_needed: Callable[[], None] = lambda: None,
    ) -> None:
        self.counters = TransmissionCounters()
        self.round_trip_time: float | None = None
        raise NotImplementedError

    def configure(self, parameters: SendParameters) -> None:
        """Go on with other parameters from the next packet on."""

    def frame(
        self,
        payloads: Sequence[bytes],
        *,
        timestamp: int,
        keyframe: bool = True,
        level: AudioLevel | None = None,
        capture_time: float | None = None,
        captured: float | None = None,
        payload_type: int | None = None,
        marker: bool = False,
    ) -> OutboundFrame | None:
        """What to give to the pacer for an encoded frame.

        Args:
            payloads: Of its packets; shared, never changed, kept for a while for repairs.
            timestamp: In ticks of the codec's clock since any beginning; it may exceed 32 bits.
            keyframe: Whether it can be decoded by itself.
            level: How loud it is.
            capture_time: In seconds since 1970, for `abs-capture-time`; sent about once a second.
            captured: The same in seconds of the monotonic clock, for sender reports; without it,
                the time of sending is taken.
            payload_type: Another than the codec's, for telephone events.
            marker: Whether the first packet has the marker, for sound (a beginning after silence,
                an event); the last packet of a picture has it always.

        Returns:
            None where it cannot be decoded because a frame before it was dropped.
        """
        raise NotImplementedError

    def on_nack(self, lost: Sequence[int], now: float) -> OutboundFrame | None:
        """What to give to the pacer to repair packets that the peer lacks; None for nothing.

        By RTX where that was agreed (RFC 4588), else the packets as they were. A packet is not
        repaired twice within a round trip, and repairs make at most half of what is sent.
        """
        raise NotImplementedError

    def on_report(self, report: ReceptionReport, now: float) -> float | None:
        """The round trip in seconds, where the report tells it (RFC 3550 section 6.4.1)."""
        raise NotImplementedError

    def sender_report(self, now: float, unix: float) -> SenderReport | None:
        """What to tell of the stream; None before its first packet.

        Args:
            now: In seconds of the monotonic clock.
            unix: The same moment in seconds since 1970.
        """
        raise NotImplementedError

    @property
    def numbered(self) -> bool:
        """Whether packets carry a transport-wide sequence number."""
        raise NotImplementedError

    def write(self, frame: OutboundFrame, number: int, now: float) -> bytes:
        """The next packet of a frame; see `PacketSource`."""
        raise NotImplementedError

    def on_dropped(self, frame: OutboundFrame) -> None:
        """Note that the pacer gave a frame up; see `PacketSource`."""
        raise NotImplementedError
