"""JSEP session as one immutable value: what is agreed, what is pending, what the application wants.

Every step makes another `Session` and changes none. So a description that fails leaves nothing
behind, and a rollback is a return to a value that still exists (`Session.stable`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING

from peer.descriptions import SdpType
from peer.negotiation.signaling_state import Side
from peer.states import SignalingState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from peer.ice import CandidateFields, IceParameters
    from peer.identity.fingerprints import Fingerprint
    from peer.negotiation.sdp.attributes import MediaDirection
    from peer.negotiation.sdp.description import Sdp
    from peer.negotiation.sdp.sections import MediaSection
    from peer.negotiation.transport_state import OfferVerdict, TransportState
    from peer.rtp_parameters import Codec, HeaderExtension, MediaKind


class TransceiverOrigin(Enum):
    """Origin of a transceiver: decides which offers take it up and which rollbacks remove it."""

    ADD_TRACK = "addTrack"
    ADD_TRANSCEIVER = "addTransceiver"
    REMOTE_OFFER = "remote offer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """RTP parameters of one m-section on which offer and answer agree.

    A payload type is written by the end that receives it (RFC 3264 section 5.1), so the two lists
    may number the same codecs differently.

    Args:
        send: Codecs to send with, the peer's favourite first, with its payload types.
        receive: Codecs to receive, with our payload types.
        ssrcs: SSRCs that the peer announced to send with; may be empty.
        rtx: Pairs of (RTX SSRC, SSRC that it repairs).
        rids: RIDs that the peer announced to send with (RFC 8851); may be empty.
    """

    send: tuple[Codec, ...]
    receive: tuple[Codec, ...]
    extensions: tuple[HeaderExtension, ...]
    ssrcs: tuple[int, ...] = ()
    rtx: tuple[tuple[int, int], ...] = ()
    rids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transceiver:
    """One audio or video m-section, or the request for one. A stopped one is in no session.

    The fields down to `stopping` belong to the application; the rest was negotiated.

    Args:
        key: Number of the transceiver in this session, never on the wire and never used again.
        streams: The MediaStream ids that our track belongs to.
        preferences: MIME types in the order preferred; empty for our own order.
        stopping: `stop()` was called; the next offer takes the m-section away.
        has_sent: A direction in which we send was once agreed on.
        receiving: The peer said that it sends, and the application was told of the track.
        remote_streams: The peer's MediaStream ids.
    """

    key: int
    kind: MediaKind
    origin: TransceiverOrigin
    direction: MediaDirection
    ssrc: int
    rtx_ssrc: int
    track_id: str
    streams: tuple[str, ...] = ()
    preferences: tuple[str, ...] = ()
    has_track: bool = False
    stopping: bool = False

    mid: str | None = None
    current_direction: MediaDirection | None = None
    has_sent: bool = False
    receiving: bool = False
    remote_streams: tuple[str, ...] = ()
    agreement: Agreement | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSection:
    """The m-section of the data channels.

    Args:
        requested: The application made a data channel.
        mid: None until the m-section was offered.
        remote_port: The peer's SCTP port; None until there is an answer.
        remote_max_message_size: In bytes; 0 for no limit (RFC 8841 section 6.1).
    """

    requested: bool = False
    mid: str | None = None
    remote_port: int | None = None
    remote_max_message_size: int = 65536


@dataclass(frozen=True, slots=True)
class AppliedDescription:
    """A description that was set, pending or current."""

    type: SdpType
    sdp: Sdp


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """State of one JSEP session (RFC 9429): descriptions, transceivers and transports.

    Args:
        id: The session id in `o=`; the same for the whole session.
        fingerprints: Those of the certificate that new transports show.
        transports: Agreed and offered ones.
        routes: For each mid, the key of the transport that carries it.
        offer_verdicts: For each mid, the verdict on the peer's pending offer for the association
            that carries the m-section; nothing for transports that are new.
        next_mid: Greater than all numbers that were ever a mid, so that none is given out twice.
        made: How many transceivers were ever made; the key of the next one.
        stable: The session to return to in a rollback; None in the stable state.
        rekey: A rekey was requested: the fingerprints of the certificate to show with the new keys.
        credentials_to_replace: An ICE restart was requested: the credentials that have to go
            (webrtc-pc section 4.7.1: [[LocalIceCredentialsToReplace]]).
    """

    id: int
    fingerprints: tuple[Fingerprint, ...]
    state: SignalingState = SignalingState.STABLE
    current_local: AppliedDescription | None = None
    pending_local: AppliedDescription | None = None
    current_remote: AppliedDescription | None = None
    pending_remote: AppliedDescription | None = None
    transceivers: tuple[Transceiver, ...] = ()
    data: DataSection | None = None
    transports: tuple[TransportState, ...] = ()
    routes: Mapping[str, str] = field(default_factory=dict)
    offer_verdicts: Mapping[str, OfferVerdict] = field(default_factory=dict)
    next_mid: int = 0
    made: int = 0
    stable: Session | None = field(default=None, repr=False)
    rekey: tuple[Fingerprint, ...] | None = None
    credentials_to_replace: frozenset[IceParameters] = frozenset()

    def description(self, side: Side) -> AppliedDescription | None:
        """Give the description of a side: the pending one, else the current one."""
        if side is Side.LOCAL:
            return self.pending_local or self.current_local
        return self.pending_remote or self.current_remote

    @property
    def layout(self) -> tuple[MediaSection, ...]:
        """The m-sections of the newest description: their order is fixed for the session."""
        newest = self.pending_local or self.pending_remote or self.current_local
        return newest.sdp.media if newest else ()

    @property
    def answer(self) -> Sdp | None:
        """The last answer that completed an exchange, made by either end."""
        both = (self.current_local, self.current_remote)
        return next((d.sdp for d in both if d is not None and d.type is SdpType.ANSWER), None)

    @property
    def recyclable_sections(self) -> frozenset[int]:
        """Indexes of m-sections that an offer may recycle (RFC 9429 section 5.2.2).

        Such an m-section was rejected, by the last offer that was answered or by its answer.
        """
        agreed = (each.sdp.media for each in (self.current_local, self.current_remote) if each)
        return frozenset(i for media in agreed for i, each in enumerate(media) if each.rejected)

    def transceiver(self, key: int) -> Transceiver | None:
        """Find a transceiver by its key; None where it has ended."""
        return next((t for t in self.transceivers if t.key == key), None)

    def transceiver_of(self, mid: str | None) -> Transceiver | None:
        """Find the transceiver of an m-section; None where it has none."""
        if mid is None:
            return None
        return next((t for t in self.transceivers if t.mid == mid), None)

    def transport(self, key: str) -> TransportState | None:
        """Find a transport by its key; None where there is none."""
        return next((t for t in self.transports if t.key == key), None)

    def route(self, mid: str) -> str | None:
        """Give the key of the transport that carries an m-section; None where none does."""
        return self.routes.get(mid)

    @property
    def stable_transports(self) -> tuple[TransportState, ...]:
        """The transports in use, as they were before the exchange that is going on."""
        stable = self.stable or self
        return tuple(transport for transport in stable.transports if transport.agreed)

    def stable_transport(self, key: str) -> TransportState | None:
        """Find a transport as it was before the exchange that is going on; None for a new one."""
        return next((t for t in self.stable_transports if t.key == key), None)

    @property
    def transport_keys(self) -> frozenset[str]:
        """The keys of all transports."""
        return frozenset(transport.key for transport in self.transports)

    def carrier(self, mids: Iterable[str]) -> TransportState | None:
        """Find the transport of the first of these m-sections that has one."""
        keys = (self.routes[mid] for mid in mids if mid in self.routes)
        return next((self.transport(key) for key in keys), None)

    def with_transceiver(self, changed: Transceiver) -> Session:
        """Give the session with one transceiver replaced, or appended where its key is new."""
        if self.transceiver(changed.key) is None:
            return replace(self, transceivers=(*self.transceivers, changed), made=changed.key + 1)
        return replace(
            self,
            transceivers=tuple(changed if t.key == changed.key else t for t in self.transceivers),
        )

    def without_transceiver(self, key: int) -> Session:
        """Give the session without a transceiver that has ended."""
        return replace(self, transceivers=tuple(t for t in self.transceivers if t.key != key))

    def with_transport(self, changed: TransportState) -> Session:
        """Give the session with one transport replaced, or appended where its key is new."""
        if self.transport(changed.key) is None:
            return replace(self, transports=(*self.transports, changed))
        return replace(
            self, transports=tuple(changed if t.key == changed.key else t for t in self.transports)
        )

    def with_routes(self, routes: Iterable[tuple[str, str]]) -> Session:
        """Give the session with routes added or replaced."""
        return replace(self, routes={**self.routes, **dict(routes)})


@dataclass(frozen=True, slots=True)
class GatheredCandidates:
    """Local candidates that ICE has gathered so far for one transport."""

    candidates: tuple[CandidateFields, ...] = ()
    complete: bool = False
