"""Owns `Reception`: what one receiver makes of the packets that are routed to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.header_extensions import PlayoutDelay
    from peer.rtp.packet import RtpPacket
    from peer.rtp.receiving.statistics import ContributingSource, StreamStatistics
    from peer.rtp.rtcp import ReceptionReport, RtcpPacket, SenderReport
    from peer.rtp_parameters import Codec, MediaKind, ReceiveParameters


class Reception:
    """Packets in, whole frames in order and RTCP feedback out. Pure: time is what it is told.

    A frame is given as soon as it is whole and those before it were given or given up. After a
    picture was lost for good nothing is given until the next key frame, and that is asked for.

    Args:
        kind: Audio or video.
        on_frame: Gets each frame, from within `receive` and `advance`.
        on_feedback: Gets RTCP to send at once; none of it is a report.
        on_event: Gets codec, payload and RTP timestamp of each telephone-event packet (RFC 4733),
            as it comes, in whatever order.

    Attributes:
        deadline: When `advance` has to be called next, in seconds of the clock of `arrival`; None
            where nothing waits. It may change with any call.
    """

    def __init__(
        self,
        kind: MediaKind,
        *,
        on_frame: Callable[[EncodedFrame], None],
        on_feedback: Callable[[tuple[RtcpPacket, ...]], None],
        on_event: Callable[[Codec, bytes, int], None] | None = None,
    ) -> None:
        self.deadline: float | None = None
        raise NotImplementedError

    def configure(self, parameters: ReceiveParameters, rtcp_ssrc: int) -> None:
        """Expect what `parameters` describe from now on; feedback goes out under `rtcp_ssrc`."""
        raise NotImplementedError

    def receive(self, packet: RtpPacket, elements: Mapping[int, bytes], arrival: float) -> None:
        """Take a packet with the elements of its header extension by id. Never raises for it."""
        raise NotImplementedError

    def receive_report(self, report: SenderReport, arrival: float) -> None:
        """Take what the peer says of its clock and of how much it sent."""
        raise NotImplementedError

    def goodbye(self, ssrc: int) -> None:
        """The peer ended this stream (RFC 3550 section 6.6); another one may follow at once."""
        raise NotImplementedError

    def advance(self, now: float) -> None:
        """Do what is due: give up on losses, ask for packets and for key frames."""
        raise NotImplementedError

    def request_keyframe(self, now: float) -> None:
        """Ask for a picture that can be decoded by itself; asked again until one comes."""
        raise NotImplementedError

    def reports(self, now: float) -> tuple[ReceptionReport, ...]:
        """One for each stream heard since the last call, for a receiver or sender report."""
        raise NotImplementedError

    def pause(self) -> None:
        """Drop what arrives."""
        raise NotImplementedError

    def resume(self, now: float) -> None:
        """Take what arrives, as the continuation of what was before the pause."""
        raise NotImplementedError

    def restart(self, now: float) -> None:
        """Take what arrives over another transport, as the continuation of what was before."""
        raise NotImplementedError

    def set_round_trip_time(self, seconds: float) -> None:
        """Until it is called, repairs that come back are measured."""
        raise NotImplementedError

    @property
    def playout_delay(self) -> PlayoutDelay | None:
        """What the sender last asked for by the playout-delay extension."""
        raise NotImplementedError

    @property
    def ssrc(self) -> int | None:
        """Of the stream that is followed at present."""
        raise NotImplementedError

    def contributing(self) -> tuple[ContributingSource, ...]:
        """Whom mixers named, the last one last; at most 32."""
        raise NotImplementedError

    def statistics(self) -> tuple[StreamStatistics, ...]:
        """For each stream, retransmissions included; at most 16."""
        raise NotImplementedError
