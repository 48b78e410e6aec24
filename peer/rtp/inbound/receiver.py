"""Owns `RtpReceiver`, the receiving half of a transceiver (W3C webrtc-pc section 5.3)."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from peer.errors import ConfigurationError, InvalidStateError
from peer.rtp.inbound.encoded_track import EncodedTrack
from peer.rtp.inbound.frame_queue import LIMIT
from peer.rtp.inbound.media import Inbound
from peer.rtp.inbound.readers import FrameReader
from peer.rtp.inbound.report import InboundReporter
from peer.rtp.inbound.sources import RtpContributingSource, contributors
from peer.rtp.inbound.tones import ToneReader
from peer.rtp.moment import Moment
from peer.rtp_parameters import RtcpParameters

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.engine.ports import EnginePort
    from peer.rtp.stats import RtpStatsReport
    from peer.rtp.tracks import MediaStreamTrack
    from peer.rtp_parameters import Codec, HeaderExtension, MediaKind, ReceiveParameters

#: webrtc-pc section 5.3: more than four seconds is a RangeError.
_LONGEST_DELAY = 4000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpReceiveParameters:
    """What was agreed to be received (RTCRtpReceiveParameters); empty before negotiation.

    Args:
        codecs: The most preferred first.
        headerExtensions: With the ids that were agreed.
        rtcp: How RTCP goes.
    """

    codecs: tuple[Codec, ...] = ()
    headerExtensions: tuple[HeaderExtension, ...] = ()
    rtcp: RtcpParameters = field(default_factory=RtcpParameters)


class RtpReceiver:
    """Receives one m-section. The connection makes it; the application reads what it gives.

    Frames are given as they came, by `encoded_frames` and `encoded_track`, and decoded, by `track`.
    They are decoded only while the track is read: while a read waits, and for 2 seconds after one.

    Args:
        kind: Audio or video.
        clock: Monotonic, in seconds; that of the engine.

    Attributes:
        verified: Whether what the track gives is known to be from the peer that signalled. With
            `EarlyMedia.UNVERIFIED` frames come while this is False; they are of whoever answered
            the offer first, until it turns True, or the track ends because it was somebody else.
    """

    def __init__(self, kind: MediaKind, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.kind = kind
        self.verified = False
        self._clock = clock
        self._media = Inbound(kind, clock)
        self._media.decoding.track.receiver = self
        self._parameters: ReceiveParameters | None = None
        self._rtcp_ssrc = 0
        self._jitter_buffer_target: float | None = None
        self._stopped = False

    @property
    def track(self) -> MediaStreamTrack:
        """The track, from the beginning and to the end the same one."""
        return self._media.decoding.track

    @property
    def started(self) -> bool:
        """Whether `start` was called and `stop` was not."""
        return self._media.engine is not None

    @property
    def engine(self) -> EnginePort | None:
        """What it receives by; None before the start and after the end."""
        return self._media.engine

    @property
    def jitterBufferTarget(self) -> float | None:
        """How long frames are to wait in front of the decoder, in milliseconds.

        They wait as long at least; None, as at first, is no longer than the network asks for.
        What is read encoded waits for nothing.

        Raises:
            ConfigurationError: On setting, where it is not within 0 to 4000.
        """
        return self._jitter_buffer_target

    @jitterBufferTarget.setter
    def jitterBufferTarget(self, milliseconds: float | None) -> None:
        if milliseconds is not None and not 0 <= milliseconds <= _LONGEST_DELAY:
            raise ConfigurationError(f"a jitter buffer of {milliseconds} ms: 0 to 4000")
        self._jitter_buffer_target = milliseconds
        self._media.decoding.playout.minimum = (milliseconds or 0.0) / 1000

    def encoded_frames(self, limit: int = LIMIT) -> FrameReader:
        """Read the frames as they are, from the next key frame on: `async for frame in …`.

        There may be any number of readers, each with a queue of its own. One that is too slow loses
        whole runs of pictures up to a key frame, and sees `gap`.

        Args:
            limit: How many frames wait at most.

        Raises:
            ConfigurationError: The limit is less than 1.
        """
        reader = FrameReader(self._media.request_keyframe, limit)
        self._media.readers.add(reader)
        return reader

    def encoded_track(self, limit: int = LIMIT) -> EncodedTrack:
        """A new track of the frames as they are, for senders: media goes on without decoding.

        One track serves any number of senders, of any connections. It ends with the receiver.

        Args:
            limit: How many frames wait at most.

        Raises:
            ConfigurationError: The limit is less than 1.
        """
        track = EncodedTrack(self.kind, self._media.request_keyframe, limit)
        self._media.readers.add(track)
        return track

    def tones(self) -> ToneReader:
        """Read the tones of a telephone (RFC 4733): `async for tone in …`; any number of readers.

        Each is given once, when it has ended. Of those that are not fetched the last 64 are kept.
        """
        reader = ToneReader()
        self._media.tones.readers.add(reader)
        return reader

    def request_keyframe(self) -> None:
        """Ask the peer for a picture that can be decoded by itself; sound needs none."""
        self._media.request_keyframe()

    def getParameters(self) -> RtpReceiveParameters:
        """What was agreed."""
        if self._parameters is None:
            return RtpReceiveParameters()
        return RtpReceiveParameters(
            codecs=self._parameters.codecs, headerExtensions=self._parameters.extensions
        )

    def getSynchronizationSources(self) -> list[RtpContributingSource]:
        """The streams that were heard within 10 seconds, the latest first."""
        return self._media.heard.named(self._clock(), time.time())

    def getContributingSources(self) -> list[RtpContributingSource]:
        """Whom a mixer named within 10 seconds, the latest first."""
        return contributors(self._media.reception.contributing(), self._clock(), time.time())

    async def getStats(self) -> RtpStatsReport:
        """`inbound-rtp` for each stream; `remote-outbound-rtp` and `codec` once there are."""
        if self._parameters is None or not self.started:
            return {}
        reporter = InboundReporter(self.kind, self._parameters.mid, self.track.id, self._media)
        return reporter.report(Moment(self._clock(), time.time()))

    def start(self, engine: EnginePort, parameters: ReceiveParameters, rtcp_ssrc: int) -> None:
        """Receive what `parameters` describe, and report under `rtcp_ssrc`.

        Raises:
            InvalidStateError: It was started or stopped before.
        """
        if self._stopped or self.started:
            raise InvalidStateError("the receiver was started or stopped before")
        self._parameters = parameters
        self._rtcp_ssrc = rtcp_ssrc
        self._media.start(engine, parameters, rtcp_ssrc)

    def update(self, parameters: ReceiveParameters | None) -> None:
        """Go on with other parameters; None drops what arrives until there are some again.

        Raises:
            InvalidStateError: It was not started.
        """
        if not self.started:
            raise InvalidStateError("the receiver was not started")
        if parameters is None:
            self._media.pause()
            return
        self._media.resume()
        if parameters != self._parameters:
            self._parameters = parameters
            self._media.change(parameters, self._rtcp_ssrc)

    def move(self, engine: EnginePort, parameters: ReceiveParameters) -> None:
        """Go on over another transport.

        Raises:
            InvalidStateError: It was not started.
        """
        if not self.started:
            raise InvalidStateError("the receiver was not started")
        self._parameters = parameters
        self._media.move(engine, parameters, self._rtcp_ssrc)

    def disown(self) -> None:
        """What came was not the peer's: drop what was not fetched, and end the track."""
        self._media.disown()

    async def stop(self) -> None:
        """End the tracks and all readers, and release everything; any number of times."""
        self._stopped = True
        self._media.stop()
        await self._media.decoding.ended()
