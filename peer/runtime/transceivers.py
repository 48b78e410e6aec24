"""Chooses the transceiver that sends a track: `addTrack` and its relatives (webrtc-pc 5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.errors import InvalidAccessError
from peer.negotiation.sdp.attributes import MediaDirection
from peer.negotiation.session import TransceiverOrigin
from peer.rtp.tracks import MediaStreamTrack
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.rtp.outbound.encodings import RtpEncodingParameters
    from peer.rtp.outbound.sender import RtpSender
    from peer.runtime.core import ConnectionCore
    from peer.runtime.transceiver_control import TransceiverControl
    from peer.transceiver import RtpTransceiver


def live_transceivers(core: ConnectionCore) -> list[RtpTransceiver]:
    """Return the transceivers that have not ended, in the order of their creation."""
    return [control.transceiver for control in _live(core)]


def add_track(
    core: ConnectionCore, track: MediaStreamTrack, streams: Sequence[str]
) -> RtpTransceiver:
    """Give a track to a transceiver without one, or else to a new one, and return it.

    The transceiver sends the track from the next negotiation on.

    Raises:
        InvalidAccessError: The connection sends the track already.
    """
    controls = _live(core)
    if any(control.transceiver.sender.track is track for control in controls):
        raise InvalidAccessError("the track is sent already")
    for control in controls:
        state = core.offer_answer.reusable_for_track(control.key, MediaKind(track.kind))
        if state is not None and control.transceiver.sender.track is None:
            control.sender.set_track(track)
            direction = MediaDirection.of(sends=True, receives=state.direction.receives)
            core.offer_answer.change_transceiver(
                control.key, direction=direction, streams=streams, has_track=True
            )
            core.check_negotiation()
            return control.transceiver
    return _new(core, track, TransceiverOrigin.ADD_TRACK, MediaDirection.SENDRECV, streams)


def remove_track(core: ConnectionCore, sender: RtpSender) -> None:
    """Stop to send a track; the m-section stays for the other direction.

    Raises:
        InvalidAccessError: The sender belongs to another connection.
    """
    control = next((c for c in _live(core) if c.transceiver.sender is sender), None)
    if control is None:
        if core.has_made(sender):
            # webrtc-pc section 5.1, removeTrack: of a stopped transceiver there is nothing to do.
            return
        raise InvalidAccessError("the sender belongs to another connection")
    state = core.transceiver_state(control.key)
    if state is None or state.stopping or sender.track is None:
        return
    control.sender.set_track(None)
    direction = MediaDirection.of(sends=False, receives=state.direction.receives)
    core.offer_answer.change_transceiver(control.key, direction=direction, has_track=False)
    core.check_negotiation()


def add_transceiver(
    core: ConnectionCore,
    track_or_kind: MediaStreamTrack | str,
    direction: MediaDirection,
    streams: Sequence[str],
    encodings: Sequence[RtpEncodingParameters] = (),
) -> RtpTransceiver:
    """Create a transceiver, which asks for an m-section in the next offer.

    Args:
        core: The connection.
        track_or_kind: The track to send, or the kind of media.
        direction: The direction to offer.
        streams: The ids of the MediaStreams of the track.
        encodings: How to encode the track; empty for one encoding without bounds.

    Raises:
        ValueError: There is no such kind of media.
        ConfigurationError: An encoding has a RID or a number that cannot be.
        InvalidAccessError: The codec of an encoding cannot be sent here.
    """
    origin = TransceiverOrigin.ADD_TRANSCEIVER
    return _new(core, track_or_kind, origin, direction, streams, encodings)


def _live(core: ConnectionCore) -> list[TransceiverControl]:
    controls = core.executor.transceivers.values()
    return [control for control in controls if core.transceiver_state(control.key) is not None]


def _new(
    core: ConnectionCore,
    track_or_kind: MediaStreamTrack | str,
    origin: TransceiverOrigin,
    direction: MediaDirection,
    streams: Sequence[str],
    encodings: Sequence[RtpEncodingParameters] = (),
) -> RtpTransceiver:
    track = track_or_kind if isinstance(track_or_kind, MediaStreamTrack) else None
    kind = track_or_kind.kind if isinstance(track_or_kind, MediaStreamTrack) else track_or_kind
    checked = _checked(encodings, MediaKind(kind)) if encodings else ()
    state = core.offer_answer.add_transceiver(
        MediaKind(kind),
        origin=origin,
        direction=direction,
        streams=streams,
        has_track=origin is TransceiverOrigin.ADD_TRACK,
        rids=[each.rid for each in checked if each.rid is not None],
    )
    transceiver = core.add_transceiver(state.key, track, checked)
    core.check_negotiation()
    return transceiver


def _checked(
    encodings: Sequence[RtpEncodingParameters], kind: MediaKind
) -> Sequence[RtpEncodingParameters]:
    from peer.rtp.outbound.encodings import checked_encodings

    return checked_encodings(encodings, kind)
