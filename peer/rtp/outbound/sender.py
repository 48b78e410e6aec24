"""The sending half of a transceiver as applications see it (W3C webrtc-pc section 5.2)."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from peer.errors import InvalidStateError
from peer.rtp.codec_capabilities import RtpMediaCapabilities, media_capabilities
from peer.rtp.media_stream import stream_id
from peer.rtp.moment import Moment
from peer.rtp.outbound.dtmf_sender import DtmfSender
from peer.rtp.outbound.report import OutboundReporter
from peer.rtp_parameters import MediaKind
from peer.times import UnixTime

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.frame_transform import FrameTransform
    from peer.rtp.media_stream import MediaStream
    from peer.rtp.outbound.outbound_rtp import OutboundRtp
    from peer.rtp.outbound.send_parameters import RtpSendParameters, RtpSetParameterOptions
    from peer.rtp.stats import RtpStatsReport
    from peer.rtp.tracks import MediaStreamTrack
    from peer.transports import DtlsTransport


class RtpSender:
    """Sends one track at a time, as one RTP stream or several; the connection makes it.

    It is W3C's RTCRtpSender. With simulcast (`sendEncodings` of `addTransceiver`) each encoding is
    a stream with SSRCs of its own.

    Args:
        outbound: The outbound RTP of the m-section; its owner starts and stops it.

    Attributes:
        dtmf: Sends the tones of a telephone (DTMF); None for video.
    """

    def __init__(self, outbound: OutboundRtp) -> None:
        self._outbound = outbound
        #: Set by the connection.
        self.find_transport: Callable[[], DtlsTransport | None] = lambda: None
        self.dtmf = DtmfSender(outbound.tones) if outbound.kind is MediaKind.AUDIO else None

    def __repr__(self) -> str:
        """Show the kind, the SSRC and the id of the track."""
        track = None if self.track is None else self.track.id
        return f"<RtpSender {self.kind.value} ssrc={self.ssrc} track={track}>"

    @property
    def kind(self) -> MediaKind:
        """The kind of media: audio or video."""
        return self._outbound.kind

    @property
    def ssrc(self) -> int:
        """The SSRC of the first stream, for as long as the sender lives."""
        return self._outbound.ssrc

    @property
    def rtx_ssrc(self) -> int:
        """The SSRC of its RTX stream (RFC 4588), for as long as the sender lives."""
        return self._outbound.rtx_ssrc

    @property
    def transport(self) -> DtlsTransport | None:
        """The transport that media goes out by; None before a description has the m-section."""
        return self.find_transport()

    @property
    def track(self) -> MediaStreamTrack | None:
        """The track set last, even after it has ended."""
        return self._outbound.track

    def setStreams(self, *streams: str | MediaStream) -> None:
        """Have the track belong to these MediaStreams, or to none, from the next negotiation on.

        Args:
            streams: Each by its id, or by itself.

        Raises:
            InvalidStateError: The connection is closed.
            InvalidAccessError: An id cannot be written in a description.
        """
        if self._outbound.change_streams is not None:
            self._outbound.change_streams([stream_id(each) for each in streams])

    @property
    def transform(self) -> FrameTransform | None:
        """Function that changes each encoded frame before it is sent; None for none.

        It gets a whole frame and returns bytes in its place, or None to drop it, on the event loop.
        What it leaves has to be a frame that the codec's packetiser takes: any octets for audio,
        and behind the first ten of a key frame and three of another one for VP8; NAL units for
        H.264 and H.265, OBUs for AV1. It is W3C's RTCRtpScriptTransform without a worker.

        Raises:
            ConfigurationError: On setting, where it is no function or has to be awaited.
        """
        return self._outbound.transformed.transform

    @transform.setter
    def transform(self, transform: FrameTransform | None) -> None:
        self._outbound.set_transform(transform)

    async def replaceTrack(self, track: MediaStreamTrack | None) -> None:
        """Send another track, or none, without negotiation.

        The former track is not stopped; the peer sees one stream whose time rises.

        Raises:
            ConfigurationError: The track is of another kind.
            InvalidStateError: The sender has stopped.
        """
        self._check_live()
        # webrtc-pc section 5.2: a queued task sets the track.
        await asyncio.sleep(0)
        self._check_live()
        self._outbound.set_track(track)

    def _check_live(self) -> None:
        if self._outbound.stopped:
            raise InvalidStateError("the sender has stopped")

    @staticmethod
    def getCapabilities(kind: str) -> RtpMediaCapabilities | None:
        """Return the codecs and header extensions that can be sent; None for an unknown kind.

        Args:
            kind: `"audio"` or `"video"`.
        """
        return media_capabilities(kind, receives=False)

    def getParameters(self) -> RtpSendParameters:
        """Return a copy of the parameters, to be changed and given to `setParameters`.

        Between the two calls nothing may be awaited, as in W3C.
        """
        return self._outbound.parameters.get(self._outbound.negotiated)

    def setParameters(
        self, parameters: RtpSendParameters, options: RtpSetParameterOptions | None = None
    ) -> asyncio.Future[None]:
        """Use other encoding parameters from now on, without negotiation.

        They have taken effect when the call returns; awaiting it is W3C's way to say so.

        Args:
            parameters: What `getParameters` has returned, with changed `encodings`.
            options: What to do once for each encoding: a key frame, for example.

        Raises:
            InvalidStateError: The sender has stopped, or the parameters are not fresh from
                `getParameters`.
            InvalidModificationError: A read-only member was changed, a codec cannot be sent, or
                there are options for another number of encodings.
            ConfigurationError: A number is out of its range.
        """
        outbound = self._outbound
        if outbound.stopped:
            raise InvalidStateError("the sender has stopped")
        outbound.parameters.accept(parameters, options, negotiated=outbound.negotiated)
        if outbound.streams is not None:
            outbound.streams.set_encodings(outbound.parameters.encodings)
            for index, each in enumerate(() if options is None else options.encodingOptions):
                if each.keyFrame:
                    outbound.streams.request_keyframe(index)
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def getStats(self) -> RtpStatsReport:
        """Return the statistics of the streams; empty before negotiation.

        The entries are `outbound-rtp`, one for each encoding, `codec`, `media-source` and, once the
        peer has reported, `remote-inbound-rtp`.
        """
        outbound = self._outbound
        if outbound.streams is None or outbound.engine is None:
            return {}
        moment = Moment(now=outbound.engine.clock(), unix=UnixTime(time.time()))
        report: RtpStatsReport = {}
        for index, stream in enumerate(outbound.streams):
            encoding = outbound.streams.encoding_of(stream)
            reporter = OutboundReporter(
                kind=self.kind,
                stream=stream,
                source_ssrc=self.ssrc,
                track=outbound.track,
                encoding=encoding,
                index=index,
            )
            report.update(reporter.report(moment))
        return report
