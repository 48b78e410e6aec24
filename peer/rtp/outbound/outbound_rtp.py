"""Outbound RTP of one m-section: the state that `RtpSender` shows and `SenderControl` drives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.errors import ConfigurationError
from peer.rtp.frame_transform import check_transform
from peer.rtp.outbound.send_parameters import ParameterExchange
from peer.rtp.outbound.tone_playout import TonePlayout
from peer.rtp.outbound.transformed_track import TransformedTrack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peer.rtp.engine.ports import SendingEngine
    from peer.rtp.frame_transform import FrameTransform
    from peer.rtp.outbound.encodings import RtpEncodingParameters
    from peer.rtp.outbound.outbound_streams import OutboundStreams
    from peer.rtp.tracks import MediaStreamTrack
    from peer.rtp_parameters import MediaKind, SendParameters


class OutboundRtp:
    """Holds the track, the parameters and, once started, the streams of one m-section.

    Args:
        kind: Audio or video.
        track: Track to send at first, or None.
        ssrc: SSRC of the first stream.
        rtx_ssrc: SSRC of the RTX stream.
        encodings: The encodings to begin with; empty for one.

    Attributes:
        kind: Audio or video.
        ssrc: SSRC of the stream.
        rtx_ssrc: SSRC of the RTX stream.
        parameters: Parameters as applications get and set them.
        negotiated: Parameters negotiated last; None before negotiation.
        engine: RTP engine of the transport; None before the start.
        streams: Streams from the start to the end, else None.
        stopped: Whether the sender has stopped for good.
        change_streams: Has the next descriptions name other MediaStreams; None without connection.
        tones: Sends telephone events in the stream.
        transformed: Subscribes to tracks, with the transform of the program.
    """

    def __init__(
        self,
        kind: MediaKind,
        track: MediaStreamTrack | None,
        *,
        ssrc: int,
        rtx_ssrc: int,
        encodings: Sequence[RtpEncodingParameters] = (),
    ) -> None:
        self.kind = kind
        self.ssrc = ssrc
        self.rtx_ssrc = rtx_ssrc
        self.parameters = ParameterExchange(kind, encodings)
        self.negotiated: SendParameters | None = None
        self.engine: SendingEngine | None = None
        self.streams: OutboundStreams | None = None
        self.stopped = False
        self.change_streams: Callable[[Sequence[str]], None] | None = None
        self.tones = TonePlayout()
        self.transformed = TransformedTrack()
        self._track: MediaStreamTrack | None = None
        self.set_track(track)

    def __repr__(self) -> str:
        """Show the kind, the SSRC and the stream."""
        return f"<OutboundRtp {self.kind.value} ssrc={self.ssrc} {self.streams}>"

    @property
    def track(self) -> MediaStreamTrack | None:
        """The track set last, even after it has ended."""
        return self._track

    def set_track(self, track: MediaStreamTrack | None) -> None:
        """Send another track, or none, as the same stream.

        Raises:
            ConfigurationError: The track is of another kind.
        """
        if track is not None and track.kind != self.kind.value:
            raise ConfigurationError(
                f"a sender of kind {self.kind} cannot send a track of kind {track.kind}"
            )
        self._track = track
        if self.streams is not None:
            self.streams.set_track(track)

    def set_transform(self, transform: FrameTransform | None) -> None:
        """Change frames by another function from the next one on; video begins with a key frame.

        Raises:
            ConfigurationError: It is no function, or one that has to be awaited.
        """
        check_transform(transform)
        self.transformed.transform = transform
        if self.streams is not None:
            self.streams.set_track(None)
            self.streams.set_track(self._track)

    def set_negotiated(self, parameters: SendParameters | None) -> None:
        """Take negotiated parameters, and make those stale that an application has got before."""
        self.negotiated = parameters or self.negotiated
        if parameters is not None:
            self.parameters.drop_codecs(parameters.codecs)
        self.parameters.forget()
