"""Fakes around a sender under test: an engine that sends at once, and subscriptions."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, cast

from peer.rtp.encoding import OutgoingFrame, SubscriptionCounts
from peer.rtp.packet import AUDIO_LEVEL, MID, RtpPacket
from peer.rtp_parameters import Codec, Feedback, HeaderExtension, MediaKind, SendParameters

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peer.rtp.congestion import Share
    from peer.rtp.encoding import EncodingSettings, Subscription
    from peer.rtp.engine.ports import ReceiverPort, SenderPort
    from peer.rtp.rtcp import RtcpPacket
    from peer.rtp.sending import OutboundFrame, PacketSource
    from peer.rtp.tracks import MediaStreamTrack
    from peer.rtp_parameters import ReceiveParameters

VP8 = Codec(
    kind=MediaKind.VIDEO,
    name="VP8",
    payload_type=97,
    clock_rate=90_000,
    feedback=(Feedback("nack"), Feedback("nack", "pli"), Feedback("ccm", "fir")),
)
H264 = Codec(kind=MediaKind.VIDEO, name="H264", payload_type=99, clock_rate=90_000)
RTX = Codec(
    kind=MediaKind.VIDEO,
    name="rtx",
    payload_type=98,
    clock_rate=90_000,
    parameters=(("apt", "97"),),
)
OPUS = Codec(kind=MediaKind.AUDIO, name="opus", payload_type=96, clock_rate=48_000, channels=2)
PCMU = Codec(kind=MediaKind.AUDIO, name="PCMU", payload_type=0, clock_rate=8_000, channels=1)
TONES = Codec(kind=MediaKind.AUDIO, name="telephone-event", payload_type=107, clock_rate=48_000)
SLOW_TONES = Codec(kind=MediaKind.AUDIO, name="telephone-event", payload_type=108, clock_rate=8_000)


def agreed(*codecs: Codec, cname: str = "us") -> SendParameters:
    """Make the parameters that negotiation gives to a sender."""
    extensions = (HeaderExtension(1, MID), HeaderExtension(2, AUDIO_LEVEL))
    return SendParameters(mid="0", codecs=codecs, extensions=extensions, cname=cname)


@dataclass
class Sent:
    """A packet and the time when it was sent."""

    at: float
    packet: RtpPacket


@dataclass(eq=False)
class FakeEngine:
    """An engine that sends without delay, by the clock of the event loop."""

    sent: list[Sent] = field(default_factory=list)
    rtcp: list[tuple[RtcpPacket, ...]] = field(default_factory=list)
    rtcp_times: list[float] = field(default_factory=list)
    senders: dict[SenderPort, tuple[SendParameters, tuple[int, ...]]] = field(default_factory=dict)
    shares: dict[SenderPort, Share] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    round_trips: list[float] = field(default_factory=list)
    discarded: list[PacketSource] = field(default_factory=list)
    round_trip_time: float | None = None
    #: Whether the pacer drops every frame.
    full: bool = False

    @property
    def packets(self) -> list[RtpPacket]:
        return [each.packet for each in self.sent]

    def clock(self) -> float:
        return asyncio.get_running_loop().time()

    def send_rtp(self, packet: bytes) -> bool:
        self.sent.append(Sent(self.clock(), RtpPacket.parse(packet)))
        return True

    def send_rtcp(self, packets: Sequence[RtcpPacket]) -> bool:
        self.rtcp.append(tuple(packets))
        self.rtcp_times.append(self.clock())
        return True

    def add_receiver(self, port: ReceiverPort, parameters: ReceiveParameters) -> None:
        raise NotImplementedError

    def remove_receiver(self, port: ReceiverPort) -> None:
        raise NotImplementedError

    def add_sender(
        self, port: SenderPort, parameters: SendParameters, ssrcs: tuple[int, ...]
    ) -> None:
        self.senders[port] = parameters, ssrcs

    def remove_sender(self, port: SenderPort) -> None:
        self.senders.pop(port, None)

    def send_frame(self, frame: OutboundFrame) -> None:
        frame.queued = self.clock()
        if self.full:
            frame.source.on_dropped(1, needs_keyframe=True)
            return
        while frame.position < len(frame.payloads):
            packets = frame.source.write_packets(
                frame,
                transport_sequence_number=len(self.sent) & 0xFFFF,
                now=self.clock(),
                room=math.inf,
            )
            for packet in packets:
                self.send_rtp(packet)

    def discard(self, source: PacketSource) -> None:
        self.discarded.append(source)

    def set_share(self, port: SenderPort, share: Share | None) -> None:
        self.shares.pop(port, None)
        if share is not None:
            self.shares[port] = share

    def on_loss(self, fraction: float) -> None:
        self.losses.append(fraction)

    def on_round_trip(self, seconds: float) -> None:
        self.round_trips.append(seconds)

    def tell(self, packet: RtcpPacket) -> None:
        """Deliver an RTCP packet of the peer to every sender."""
        for port in tuple(self.senders):
            port.on_rtcp(packet, self.clock())

    def target(self, bps: int) -> None:
        """Allot a bitrate in bits/s to every sender that has a share."""
        for port in tuple(self.shares):
            port.on_target(bps)


@dataclass(eq=False)
class FakeSubscription:
    """A subscription as a sender uses it."""

    track: MediaStreamTrack
    settings: EncodingSettings
    on_frame: Callable[[OutgoingFrame], None]
    on_ended: Callable[[], None]
    on_error: Callable[[Exception], None]
    active: bool = True
    closed: bool = False
    keyframes: int = 0
    bitrate: int | None = None
    counts: SubscriptionCounts = field(default_factory=SubscriptionCounts)

    def set_bitrate(self, bps: int) -> None:
        self.bitrate = bps

    def request_keyframe(self) -> None:
        self.keyframes += 1

    def pause(self) -> None:
        self.active = False

    def resume(self) -> None:
        self.active = True

    def close(self) -> None:
        self.closed = True

    def end(self) -> None:
        """End the subscription, as when its track ends."""
        self.closed = True
        self.on_ended()


@dataclass
class FakeSubscriptions:
    """Replaces `encoding.subscribe`, and keeps every subscription in order."""

    made: list[FakeSubscription] = field(default_factory=list)

    def __call__(
        self,
        track: MediaStreamTrack,
        settings: EncodingSettings,
        *,
        on_frame: Callable[[OutgoingFrame], None],
        on_ended: Callable[[], None],
        on_error: Callable[[Exception], None],
    ) -> Subscription:
        subscription = FakeSubscription(track, settings, on_frame, on_ended, on_error)
        self.made.append(subscription)
        return cast("Subscription", subscription)

    @property
    def open(self) -> list[FakeSubscription]:
        return [subscription for subscription in self.made if not subscription.closed]

    @property
    def now(self) -> FakeSubscription:
        """The only subscription that is not closed."""
        (subscription,) = self.open
        return subscription

    def give(self, frame: OutgoingFrame) -> None:
        """Give a frame of the present track, which is dropped while paused."""
        if self.now.active:
            self.now.on_frame(frame)


def picture(
    pts: int, *, keyframe: bool = False, payloads: int = 1, encoded: bool = True
) -> OutgoingFrame:
    """Make a video frame captured now."""
    return OutgoingFrame(
        payloads=tuple(b"picture" for _ in range(payloads)),
        pts=pts,
        time_base=Fraction(1, 90_000),
        keyframe=keyframe,
        capture_monotonic=asyncio.get_running_loop().time(),
        size=7 * payloads,
        encoded=encoded,
        encode_time=0.01 if encoded else 0.0,
        width=320,
        height=240,
    )


def sound(pts: int) -> OutgoingFrame:
    """Make 20 ms of audio captured now."""
    return OutgoingFrame(
        payloads=(b"sound",),
        pts=pts,
        time_base=Fraction(1, 48_000),
        duration=Fraction(20, 1000),
        capture_monotonic=asyncio.get_running_loop().time(),
        size=5,
    )
