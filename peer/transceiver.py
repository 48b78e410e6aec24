"""Gives applications one m-section as W3C webrtc-pc section 5.4 describes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Unpack

from peer.errors import InvalidAccessError, InvalidStateError
from peer.negotiation.header_extensions import NO_EXTENSION
from peer.negotiation.sdp.attributes import MediaDirection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.negotiation.application_changes import TransceiverChanges
    from peer.negotiation.header_extensions import ExtensionDirections
    from peer.negotiation.session import Transceiver
    from peer.rtp.codec_capabilities import RtpCodec, RtpHeaderExtensionCapability
    from peer.rtp.inbound.receiver import RtpReceiver
    from peer.rtp.outbound.sender import RtpSender
    from peer.rtp_parameters import Codec, MediaKind


class TransceiverHost(Protocol):
    """The connection of a transceiver, as the transceiver sees it."""

    @property
    def closed(self) -> bool:
        """Tell whether the connection was closed."""

    def transceiver_state(self, key: int) -> Transceiver | None:
        """Return the negotiated state of a transceiver; None where a rollback removed it."""

    def change_transceiver(self, key: int, **changes: Unpack[TransceiverChanges]) -> None:
        """Change what the next negotiation of a transceiver asks for."""

    async def stop_transceiver(self, key: int) -> None:
        """Stop to send and receive, and reject the m-section in the next negotiation."""


class RtpTransceiver:
    """A sender and a receiver that share an m-section; the connection creates it.

    Args:
        key: The number of the transceiver in the session of the connection.
        host: The connection.
        sender: The sending half.
        receiver: The receiving half.
    """

    def __init__(
        self, key: int, host: TransceiverHost, sender: RtpSender, receiver: RtpReceiver
    ) -> None:
        self._key = key
        self._host = host
        self.sender = sender
        self.receiver = receiver

    @property
    def kind(self) -> MediaKind:
        """The kind of media, audio or video."""
        return self.receiver.kind

    @property
    def mid(self) -> str | None:
        """The mid of the m-section; None before it was offered and after it was stopped."""
        state = self._state
        return None if state is None else state.mid

    @property
    def direction(self) -> str:
        """The direction for the next negotiation; `stopped` after `stop`.

        Setting it asks for negotiation.

        Raises:
            InvalidStateError: The transceiver is stopped (on setting).
            ValueError: The value is no direction (on setting).
        """
        state = self._state
        if state is None or state.stopping or self._host.closed:
            return "stopped"
        return state.direction.value

    @direction.setter
    def direction(self, value: str) -> None:
        if self.direction == "stopped":
            raise InvalidStateError("the transceiver is stopped")
        self._host.change_transceiver(self._key, direction=MediaDirection(value))

    @property
    def currentDirection(self) -> str | None:
        """The direction that the last answer agreed on, or None; `stopped` at the end."""
        state = self._state
        if state is None or self.stopped:
            return "stopped"
        return None if state.current_direction is None else state.current_direction.value

    @property
    def stopped(self) -> bool:
        """Tell whether the transceiver has ended for good."""
        state = self._state
        return state is None or state.ended or self._host.closed

    def setCodecPreferences(self, mime_types: Sequence[str | Codec | RtpCodec]) -> None:
        """Offer and accept only these codecs, in this order, from the next negotiation on.

        Args:
            mime_types: MIME types such as `["video/H264", "video/VP8"]`, with fmtp parameters
                where one format is meant (`"video/VP9;profile-id=2"`), or codecs as
                `getCapabilities` or `receiver.getParameters()` has them, of which RTX is passed
                over, as each codec has its own; empty for our own order.

        Raises:
            InvalidAccessError: One of them is not a codec of ours.
            InvalidModificationError: One is not of `getCapabilities`, or none carries media.
        """
        kind = f"{self.kind}/"
        from peer.rtp.codec_capabilities import RtpCodec, known_codecs

        known = known_codecs(self.kind, [each for each in mime_types if isinstance(each, RtpCodec)])
        codecs = (known[each] if isinstance(each, RtpCodec) else each for each in mime_types)
        preferences = [
            each if isinstance(each, str) else _preference(each)
            for each in codecs
            if isinstance(each, str) or not each.is_rtx
        ]
        for preference in preferences:
            if not preference.lower().startswith(kind):
                raise InvalidAccessError(f"{preference!r} is no {self.kind} codec")
        self._host.change_transceiver(self._key, preferences=preferences)

    def getHeaderExtensionsToNegotiate(self) -> list[RtpHeaderExtensionCapability]:
        """List header extensions with their directions for the next offer, as copies.

        All of ours are there, `stopped` those that are not to be offered: by the application or by
        the last answer.
        """
        state = self._state
        found = NO_EXTENSION if state is None else state.extensions_to_negotiate
        return _capabilities(self.kind, found)

    def setHeaderExtensionsToNegotiate(
        self, extensions: Sequence[RtpHeaderExtensionCapability]
    ) -> None:
        """Set the directions of header extensions, from the next offer and answer on.

        An answer takes those that are offered and not `stopped`, in no wider direction.

        Args:
            extensions: The list of `getHeaderExtensionsToNegotiate`, with other directions.

        Raises:
            ConfigurationError: One has no URI, or a direction that there is not.
            InvalidModificationError: The URIs are others, or in another order, or one is stopped or
                narrowed that has to be there: MID, and the RID of simulcast.
            InvalidStateError: The transceiver is stopped.
        """
        from peer.header_extension_control import extension_directions

        directions = extension_directions(self.kind, extensions)
        if self.direction == "stopped":
            raise InvalidStateError("the transceiver is stopped")
        self._host.change_transceiver(self._key, extensions=directions)

    def getNegotiatedHeaderExtensions(self) -> list[RtpHeaderExtensionCapability]:
        """List header extensions with the directions agreed on, `stopped` where there is none."""
        state = self._state
        agreement = None if state is None else state.agreement
        found = NO_EXTENSION if agreement is None else agreement.directions
        return _capabilities(self.kind, found)

    async def stop(self) -> None:
        """Stop to send and receive now; the next offer tells the peer of it."""
        await self._host.stop_transceiver(self._key)

    @property
    def _state(self) -> Transceiver | None:
        return self._host.transceiver_state(self._key)

    def __repr__(self) -> str:
        return f"<RtpTransceiver {self.kind} mid={self.mid!r} {self.direction}>"


def _capabilities(
    kind: MediaKind, directions: ExtensionDirections
) -> list[RtpHeaderExtensionCapability]:
    from peer.header_extension_control import extension_capabilities

    return extension_capabilities(kind, directions)


def _preference(codec: Codec) -> str:
    """Name one format of a codec: its MIME type with its fmtp parameters."""
    pairs = (f"{name}={value}" for name, value in codec.parameters if value is not None)
    return ";".join((codec.mimeType, *pairs))
