"""The receiving half of a transceiver as programs see it (W3C webrtc-pc section 5.3)."""

from __future__ import annotations

import time
from dataclasses import field
from typing import TYPE_CHECKING

from peer.errors import ConfigurationError
from peer.rtp.codec_capabilities import RtpMediaCapabilities, media_capabilities
from peer.rtp.frame_transform import check_transform
from peer.rtp.inbound.encoded_track import EncodedTrack
from peer.rtp.inbound.readers import LIMIT, FrameReader
from peer.rtp.inbound.report import InboundReporter
from peer.rtp.inbound.sources import RtpContributingSource, recent_sources
from peer.rtp.inbound.tones import ToneReader
from peer.rtp.moment import Moment
from peer.rtp_parameters import RtcpParameters
from peer.times import UnixTime
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.frame_transform import FrameTransform
    from peer.rtp.inbound.inbound_rtp import InboundRtp
    from peer.rtp.inbound.layers import ReceivedLayer
    from peer.rtp.inbound.received_track import ReceivedTrack
    from peer.rtp.stats import RtpStatsReport
    from peer.rtp_parameters import Codec, HeaderExtension, MediaKind
    from peer.transports import DtlsTransport
    from peer.trust.level import PeerTrust

#: Largest jitterBufferTarget in milliseconds: more is a RangeError (webrtc-pc section 5.3).
_LONGEST_DELAY = 4000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpReceiveParameters:
    """The agreed parameters of a receiver (RTCRtpReceiveParameters); empty before negotiation.

    Args:
        codecs: The agreed codecs, the most preferred first.
        headerExtensions: The agreed header extensions with their ids.
        rtcp: The agreed use of RTCP.
    """

    codecs: tuple[Codec, ...] = ()
    headerExtensions: tuple[HeaderExtension, ...] = ()
    rtcp: RtcpParameters = field(default_factory=RtcpParameters)


class RtpReceiver:
    """Receives the media of one m-section (RTCRtpReceiver). The connection makes it.

    `encoded_frames` and `encoded_track` give frames as the peer encoded them, `track` gives them
    decoded: only while it is read, which is while a read waits and for 2 seconds after one.

    Args:
        inbound: The inbound RTP of the m-section; its owner starts and stops it.
    """

    def __init__(self, inbound: InboundRtp) -> None:
        self._inbound = inbound
        #: Set by the connection.
        self.find_transport: Callable[[], DtlsTransport | None] = lambda: None
        inbound.decoding.track.receiver = self
        self._jitter_buffer_target: float | None = None

    def __repr__(self) -> str:
        ssrc = self._inbound.stream_receiver.ssrc
        return (
            f"<RtpReceiver {self.kind} ssrc={ssrc} track={self.track.id} {self.track.readyState}>"
        )

    @property
    def kind(self) -> MediaKind:
        """The kind of media: audio or video."""
        return self._inbound.kind

    @property
    def verified(self) -> bool:
        """True once media is known to come from the peer that signalled; never with plain RTP.

        With `EarlyMedia.UNVERIFIED` frames come while this is False; they are of the peer that
        answered the offer first, until `verified` turns True, or the track ends because that peer
        was another one.
        """
        return self._inbound.verified

    @property
    def peer(self) -> PeerTrust:
        """Identity of the sender, and what says so beside signalling; see `peer.trust`."""
        return self._inbound.peer()

    @property
    def transport_id(self) -> int | None:
        """Number of the transport that packets come by, unique while that transport lives.

        Receivers of one number receive from one peer. None before negotiation and after the end.
        """
        engine = self._inbound.engine
        return None if engine is None else id(engine)

    @property
    def transport(self) -> DtlsTransport | None:
        """The transport that media comes in by; None before a description has the m-section."""
        return self.find_transport()

    @property
    def track(self) -> ReceivedTrack:
        """The track of decoded frames, the same one from beginning to end."""
        return self._inbound.decoding.track

    @property
    def jitterBufferTarget(self) -> float | None:
        """Least milliseconds that frames wait in front of the decoder; None for no bound.

        Without it frames wait as long as the network's jitter asks for. Encoded frames do not wait.

        Raises:
            ConfigurationError: On setting, where it is not within 0 to 4000.
        """
        return self._jitter_buffer_target

    @jitterBufferTarget.setter
    def jitterBufferTarget(self, milliseconds: float | None) -> None:
        if milliseconds is not None and not 0 <= milliseconds <= _LONGEST_DELAY:
            raise ConfigurationError(f"a jitter buffer of {milliseconds} ms: 0 to 4000")
        self._jitter_buffer_target = milliseconds
        self._inbound.decoding.jitter_buffer.minimum = (milliseconds or 0.0) / 1000

    @property
    def layers(self) -> tuple[ReceivedLayer, ...]:
        """The encodings that the peer sends of one picture (simulcast); none without simulcast."""
        return self._inbound.received_layers()

    @property
    def transform(self) -> FrameTransform | None:
        """Function that changes each encoded frame before anybody reads it; None for none.

        It gets a whole frame and returns bytes in its place, or None to drop it, on the event loop:
        what `RtpSender.transform` of the other end did is undone here. Readers, relays, recorders
        and the decoder get what it leaves, but those that choose an encoding of a simulcast, which
        get frames as they come; key frames are told by what comes from the network.

        Raises:
            ConfigurationError: On setting, where it is no function or has to be awaited.
        """
        return self._inbound.transform

    @transform.setter
    def transform(self, transform: FrameTransform | None) -> None:
        check_transform(transform)
        self._inbound.transform = transform

    def encoded_frames(self, limit: int = LIMIT) -> FrameReader:
        """Read encoded frames from the next key frame on: `async for frame in …`.

        There may be any number of readers, each with a queue of its own. A slow reader loses whole
        runs of video frames up to a key frame, and sees `gap`.

        Args:
            limit: Frames that wait in the queue at most.

        Raises:
            ConfigurationError: The limit is less than 1.
        """
        reader = FrameReader(self._inbound.request_keyframe, limit)
        self._inbound.readers.add(reader)
        return reader

    def encoded_track(
        self, limit: int = LIMIT, *, layer: str | None = None, follows_bandwidth: bool = False
    ) -> EncodedTrack:
        """Make a track of encoded frames for senders: media goes on without decoding.

        One track serves any number of senders, of any connections. It ends with the receiver.

        Args:
            limit: Frames that wait in the queue at most.
            layer: RID of the largest encoding of a simulcast that is wanted; None for the largest
                there is. `track.layer` changes it.
            follows_bandwidth: True for the encoding that the senders of the track have the
                bandwidth for, of several senders the poorest; make a track for each viewer.

        Raises:
            ConfigurationError: The limit is less than 1.
        """
        inbound = self._inbound
        track = EncodedTrack(
            self.kind,
            inbound.request_keyframe,
            limit,
            inbound,
            follows_bandwidth=follows_bandwidth,
        )
        inbound.readers.add(track)
        if layer is not None:
            track.layer = layer
        return track

    def tones(self) -> ToneReader:
        """Read telephone tones (DTMF, RFC 4733): `async for tone in …`; any number of readers.

        Each tone is given once, when it has ended. Of tones not fetched the last 64 are kept.
        """
        reader = ToneReader()
        self._inbound.tones.readers.add(reader)
        return reader

    def request_keyframe(self) -> None:
        """Request a key frame of the peer; audio needs none."""
        self._inbound.request_keyframe()

    @staticmethod
    def getCapabilities(kind: str) -> RtpMediaCapabilities | None:
        """Return the codecs and header extensions that can be received; None for an unknown kind.

        Args:
            kind: `"audio"` or `"video"`.
        """
        return media_capabilities(kind, receives=True)

    def getParameters(self) -> RtpReceiveParameters:
        """The parameters that were agreed last."""
        parameters = self._inbound.agreed or self._inbound.parameters
        if parameters is None:
            return RtpReceiveParameters()
        return RtpReceiveParameters(
            codecs=parameters.codecs, headerExtensions=parameters.extensions
        )

    def getSynchronizationSources(self) -> list[RtpContributingSource]:
        """The SSRCs that sent within 10 seconds, the latest first."""
        return recent_sources(
            self._inbound.stream_receiver.synchronization_sources(),
            now=self._inbound.clock(),
            unix=UnixTime(time.time()),
        )

    def getContributingSources(self) -> list[RtpContributingSource]:
        """The sources that a mixer named within 10 seconds, the latest first."""
        return recent_sources(
            self._inbound.stream_receiver.contributing_sources(),
            now=self._inbound.clock(),
            unix=UnixTime(time.time()),
        )

    async def getStats(self) -> RtpStatsReport:
        """Gives `inbound-rtp` for each SSRC; `remote-outbound-rtp` and `codec` once known."""
        parameters = self._inbound.parameters
        if parameters is None or self._inbound.engine is None:
            return {}
        reporter = InboundReporter(self.kind, parameters.mid, self.track.id, self._inbound)
        return reporter.report(Moment(now=self._inbound.clock(), unix=UnixTime(time.time())))
