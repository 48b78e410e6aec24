"""Adds, removes and lists the tracks and transceivers of a `PeerConnection` (webrtc-pc 5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.negotiation.sdp.attributes import MediaDirection
from peer.rtp.media_stream import stream_id
from peer.runtime import transceivers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.rtp.inbound.receiver import RtpReceiver
    from peer.rtp.media_stream import MediaStream
    from peer.rtp.outbound.encodings import RtpEncodingParameters
    from peer.rtp.outbound.sender import RtpSender
    from peer.rtp.tracks import MediaStreamTrack
    from peer.runtime.core import ConnectionCore
    from peer.transceiver import RtpTransceiver


class ConnectionMedia:
    """The part of a `PeerConnection` that tracks are sent and received by."""

    _core: ConnectionCore
    _stream: str

    def addTrack(self, track: MediaStreamTrack, *streams: str | MediaStream) -> RtpSender:
        """Send a track from the next negotiation on.

        Args:
            track: An aiortc track, which the connection never stops.
            streams: The MediaStreams of the track, or their ids; one for the whole connection
                where none is given.

        Raises:
            InvalidAccessError: The connection sends the track already.
            InvalidStateError: The connection is closed.
        """
        core = self._core
        core.check_open()
        names = [stream_id(each) for each in streams] or [self._stream]
        return transceivers.add_track(core, track, names).sender

    def removeTrack(self, sender: RtpSender) -> None:
        """Stop to send a track; the m-section stays for the other direction.

        Raises:
            InvalidAccessError: The sender belongs to another connection.
            InvalidStateError: The connection is closed.
        """
        self._core.check_open()
        transceivers.remove_track(self._core, sender)

    def addTransceiver(
        self,
        trackOrKind: MediaStreamTrack | str,
        direction: str = "sendrecv",
        streams: Sequence[str | MediaStream] | None = None,
        sendEncodings: Sequence[RtpEncodingParameters] = (),
    ) -> RtpTransceiver:
        """Add a transceiver, which asks for an m-section in the next offer.

        Args:
            trackOrKind: A track to send, or `"audio"` or `"video"`.
            direction: `"sendrecv"`, `"sendonly"`, `"recvonly"` or `"inactive"`.
            streams: The MediaStreams of the track, or their ids.
            sendEncodings: How to encode the track. Several, each with a `rid`, are simulcast (RFC
                8853): the peer may take all of them, some, or one. Video has 4 at most and audio
                one; further ones are left out.

        Raises:
            ValueError: The kind or the direction is none of these.
            ConfigurationError: A rid is none, missing or there twice, or a number is out of its
                range.
            InvalidAccessError: The codec of an encoding cannot be sent here.
            InvalidStateError: The connection is closed.
        """
        self._core.check_open()
        names = (self._stream,) if streams is None else tuple(map(stream_id, streams))
        return transceivers.add_transceiver(
            self._core, trackOrKind, MediaDirection(direction), names, tuple(sendEncodings)
        )

    def getTransceivers(self) -> list[RtpTransceiver]:
        """Return the transceivers that have not ended, in the order of their creation."""
        return transceivers.live_transceivers(self._core)

    def getSenders(self) -> list[RtpSender]:
        """Return the senders of `getTransceivers`, in the same order."""
        return [transceiver.sender for transceiver in self.getTransceivers()]

    def getReceivers(self) -> list[RtpReceiver]:
        """Return the receivers of `getTransceivers`, in the same order."""
        return [transceiver.receiver for transceiver in self.getTransceivers()]
