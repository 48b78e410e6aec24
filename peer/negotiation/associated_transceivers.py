"""Association of each m-section of a remote offer with its transceiver (RFC 9429 section 5.10)."""

from __future__ import annotations

import uuid
from collections import deque
from typing import TYPE_CHECKING

from peer.negotiation.header_extensions import EVERY_EXTENSION
from peer.negotiation.sdp.attributes import MediaDirection
from peer.negotiation.session import DataSection, Session, Transceiver, TransceiverOrigin
from peer.negotiation.simulcast import new_layers, requested_rids
from peer.rtp_parameters import MediaKind
from peer.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peer.negotiation.profile import Profile
    from peer.negotiation.sdp.description import MediaSection, Sdp

#: Id of the stream of tracks that name none (RFC 8830 section 4.1 leaves the id to us).
_DEFAULT_STREAM = "default"


def associate_data(session: Session, mid: str) -> Session:
    if session.data is None:
        return replace(session, data=DataSection(mid=mid))
    if session.data.mid is None:
        return replace(session, data=replace(session.data, mid=mid))
    return session


class AssociatedTransceivers:
    """The transceivers of an offer's m-sections.

    Args:
        session: The session that has the offer.
        profile: Its random bytes name what is made.
    """

    def __init__(self, session: Session, profile: Profile) -> None:
        self.transceivers: dict[int, Transceiver] = {}
        self._session = session
        self._profile = profile
        self._made = session.made
        self._waiting = {
            kind: deque(
                t
                for t in session.transceivers
                if t.origin is TransceiverOrigin.ADD_TRACK and t.mid is None and t.kind is kind
            )
            for kind in MediaKind
        }

    def add(self, sdp: Sdp, section: MediaSection, kind: MediaKind) -> None:
        """Note the transceiver of an m-section, with what the peer says of its sending."""
        found = self._found(sdp, section, kind)
        # webrtc-pc section 4.4.1.5: a first offer may ask for encodings, a later one for no more.
        if found.agreement is None and not found.layers and (rids := requested_rids(section)):
            found = replace(found, layers=new_layers(rids, found, self._profile.random))
        self.transceivers[found.key] = _with_remote_track(found, sdp, section)

    def _found(self, sdp: Sdp, section: MediaSection, kind: MediaKind) -> Transceiver:
        """Find the transceiver of the mid, one that addTrack made, or make one (RFC 9429 5.10)."""
        known = self._session.transceiver_of(section.mid)
        if known is not None:
            return known
        if self._waiting[kind] and sdp.direction(section).receives:
            return replace(self._waiting[kind].popleft(), mid=section.mid)
        made = new_transceiver(
            self._made,
            self._profile,
            others=(*self._session.transceivers, *self.transceivers.values()),
            kind=kind,
            origin=TransceiverOrigin.REMOTE_OFFER,
            direction=MediaDirection.RECVONLY,
        )
        self._made += 1
        return replace(made, mid=section.mid)


def new_transceiver(
    key: int,
    profile: Profile,
    *,
    others: Iterable[Transceiver],
    kind: MediaKind,
    origin: TransceiverOrigin,
    direction: MediaDirection,
) -> Transceiver:
    """Make a transceiver that has no m-section yet; `key` is `Session.made`, or follows it."""
    # webrtc-extensions: a later one of a kind has the header extensions of the first.
    first = next((t for t in others if t.kind is kind and not t.stopping), None)
    return Transceiver(
        key=key,
        kind=kind,
        origin=origin,
        direction=direction,
        ssrc=_ssrc(profile),
        rtx_ssrc=_ssrc(profile),
        track_id=str(uuid.UUID(bytes=profile.random(16), version=4)),
        extension_wishes=EVERY_EXTENSION if first is None else first.extension_wishes,
        extensions_to_negotiate=EVERY_EXTENSION if first is None else first.extensions_to_negotiate,
    )


def _ssrc(profile: Profile) -> int:
    return int.from_bytes(profile.random(4)) or 1


def _with_remote_track(transceiver: Transceiver, sdp: Sdp, section: MediaSection) -> Transceiver:
    """Take note of what the peer says of its sending (webrtc-pc 5.1.1: process remote tracks)."""
    return replace(
        transceiver,
        receiving=sdp.direction(section).sends and not transceiver.stopping,
        remote_streams=remote_streams(section),
    )


def remote_streams(section: MediaSection) -> tuple[str, ...]:
    """Read the ids of the MediaStreams of the peer's track (RFC 8830 section 2).

    Tracks of a peer that says nothing of streams belong to one default stream (RFC 8830 section
    4.1), so that `event.streams[0]` is there with a SIP peer too.
    """
    if not section.has("msid") and section.direction.sends:
        return (_DEFAULT_STREAM,)
    return tuple(dict.fromkeys(msid.stream for msid in section.msids if msid.stream != "-"))
