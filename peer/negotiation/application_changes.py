"""Changes by the application: transceivers, directions, streams, codec preferences, data channels.

They are the session half of `addTrack`, `setCodecPreferences`, `stop` and the like. A change leaves
what was agreed as it is; the next offer or answer speaks of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypedDict

from peer.codec_format import is_named
from peer.errors import InvalidAccessError, InvalidModificationError
from peer.negotiation.header_extensions import check_directions
from peer.negotiation.sdp.attributes import MediaDirection
from peer.negotiation.session import DataSection, Session, Transceiver
from peer.values import replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.negotiation.header_extensions import ExtensionDirections
    from peer.negotiation.profile import Profile
    from peer.rtp_parameters import MediaKind

#: msid-id (RFC 8830 section 2). A `-` alone stands for no stream.
_STREAM_ID = re.compile(r"(?!-\Z)[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]{1,64}")


def transceiver_of(session: Session, key: int) -> Transceiver:
    """Find a transceiver by its key.

    Raises:
        InvalidAccessError: It has ended.
    """
    transceiver = session.transceiver(key)
    if transceiver is None:
        raise InvalidAccessError("this transceiver has ended, by a stop or a rollback")
    return transceiver


def reusable_for_track(session: Session, key: int, kind: MediaKind) -> Transceiver | None:
    """Find a transceiver, where addTrack may use its sender (webrtc-pc section 5.1).

    Raises:
        InvalidAccessError: It has ended.
    """
    transceiver = transceiver_of(session, key)
    # "The sender has never been used to send."
    fits = transceiver.kind is kind and not (transceiver.stopping or transceiver.has_sent)
    return transceiver if fits else None


class TransceiverChanges(TypedDict, total=False):
    """Values that the application sets on a transceiver; those left out stay as they are.

    Members:
        direction: Direction for the next negotiation.
        streams: Ids of the MediaStreams of the track.
        preferences: MIME types in the order preferred; empty for our own order.
        has_track: True where `addTrack` has given it a track.
        track_id: Id of the track in descriptions (RFC 8830); None leaves the one there is.
        extensions: Directions of header extensions.
    """

    direction: MediaDirection
    streams: Sequence[str]
    preferences: Sequence[str]
    has_track: bool
    track_id: str | None
    extensions: ExtensionDirections


def with_changes(
    session: Session, profile: Profile, key: int, changes: TransceiverChanges
) -> Session:
    """Change what the application set on a transceiver.

    Raises:
        InvalidAccessError: A stream has no possible id, a preference is no codec of ours, or the
            transceiver has ended.
        InvalidModificationError: A header extension is stopped that has to be there, or no
            preference carries media.
    """
    now = transceiver_of(session, key)
    streams, preferences = changes.get("streams"), changes.get("preferences")
    extensions = changes.get("extensions")
    if preferences is not None:
        _check_preferences(profile, now.kind, preferences)
    if extensions is not None:
        check_directions(extensions, is_simulcast=bool(now.layers))
    return session.with_transceiver(
        replace(
            now,
            direction=changes.get("direction", now.direction),
            streams=now.streams if streams is None else stream_ids(streams),
            preferences=now.preferences if preferences is None else tuple(preferences),
            has_track=changes.get("has_track", now.has_track),
            track_id=changes.get("track_id") or now.track_id,
            extension_wishes=extensions or now.extension_wishes,
            extensions_to_negotiate=extensions or now.extensions_to_negotiate,
        )
    )


def with_stop(session: Session, key: int) -> Session:
    """Stop a transceiver, at once where it was never offered, else by the next offer.

    Raises:
        InvalidAccessError: It has ended.
    """
    transceiver = transceiver_of(session, key)
    if transceiver.mid is None:
        return session.without_transceiver(key)
    return session.with_transceiver(stopped(transceiver))


def stopped(transceiver: Transceiver) -> Transceiver:
    """Have a transceiver neither send nor receive any more (webrtc-pc section 5.4)."""
    return replace(transceiver, stopping=True, direction=MediaDirection.INACTIVE, receiving=False)


def with_data(session: Session) -> Session:
    """Request the m-section of the data channels."""
    return replace(session, data=replace(session.data or DataSection(), requested=True))


def with_data_always(session: Session, *, always: bool) -> Session:
    """Have the m-section of the data channels in each offer, or where a channel asks for it alone.

    One that is in use stays (webrtc-extensions, "Always negotiating datachannels").
    """
    if always:
        return replace(session, data=replace(session.data or DataSection(), leads=True))
    data = session.data
    if data is None or not (data.requested or data.mid is not None):
        return replace(session, data=None)
    return replace(session, data=replace(data, leads=False))


def stream_ids(streams: Sequence[str]) -> tuple[str, ...]:
    """Check the ids of streams, and drop repeated ones.

    Raises:
        InvalidAccessError: One cannot be written in a description.
    """
    for stream in streams:
        if not _STREAM_ID.fullmatch(stream):
            raise InvalidAccessError(f"{stream!r} is no stream id: 1 to 64 visible characters")
    return tuple(dict.fromkeys(streams))


def _check_preferences(profile: Profile, kind: MediaKind, preferences: Sequence[str]) -> None:
    codecs = [codec for codec in profile.capabilities[kind].every if not codec.is_rtx]
    for preference in preferences:
        if not any(is_named(codec, preference) for codec in codecs):
            raise InvalidAccessError(f"{preference!r} is no {kind} codec of ours")
    media = [codec for codec in codecs if not codec.is_auxiliary]
    # webrtc-pc section 5.4: "only contains entries for RTX, RED, FEC or Comfort Noise".
    if preferences and not any(is_named(c, each) for c in media for each in preferences):
        names = ", ".join(dict.fromkeys(preferences))
        raise InvalidModificationError(f"{names}: no codec among them carries {kind}")


def with_ice_restart(session: Session) -> Session:
    """Request that all ICE credentials in use be replaced (webrtc-pc section 4.4.2)."""
    transports = (*session.transports, *session.stable_transports)
    return replace(
        session, credentials_to_replace=frozenset(transport.local for transport in transports)
    )
