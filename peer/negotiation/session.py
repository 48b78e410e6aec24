"""JSEP session as one immutable value: signaling state, descriptions, transceivers, transports.

Every step makes another `Session` and changes none. So a description that fails leaves nothing
behind, and a rollback is a return to a value that still exists (`Session.stable`).

Rules of the signaling state (RFC 9429 section 3.2, webrtc-pc section 4.4.1.5):

* A transition is a row of `TRANSITIONS`; any other one is refused.
* An offer replaces an earlier offer of the same side.
* A rollback takes an offer of either side back, whichever of the two calls asks for it
  (RFC 9429 section 4.1.10.2); it leads to `stable`. Answers, provisional or not, stand: RFC 9429
  section 5.7 would take a provisional one back, webrtc-pc section 4.4.1.5 does not.
* A provisional answer may be followed by another one of the same side, or by the answer.
"""

from __future__ import annotations

import base64
from dataclasses import field
from enum import Enum
from typing import TYPE_CHECKING

from peer.descriptions import SdpType
from peer.errors import InvalidStateError
from peer.negotiation.header_extensions import EVERY_EXTENSION, NO_EXTENSION
from peer.states import MediaEncryption, SignalingState
from peer.values import assign, dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from peer.ice import CandidateFields, DefaultDestination, IceParameters, WithoutIce
    from peer.identity.fingerprints import Fingerprint
    from peer.negotiation.header_extensions import ExtensionDirections
    from peer.negotiation.sdes import SdesTerms
    from peer.negotiation.sdp.attributes import MediaDirection
    from peer.negotiation.sdp.description import MediaSection, Sdp
    from peer.rtp_parameters import Codec, HeaderExtension, MediaKind, SendLayer
    from peer.states import DtlsRole, IceRole


class Side(Enum):
    """Side of a description: ours is local, the peer's is remote."""

    LOCAL = "local"
    REMOTE = "remote"

    @property
    def other(self) -> Side:
        """The opposite side of this one."""
        return Side.REMOTE if self is Side.LOCAL else Side.LOCAL


_S, _T, _L, _R = SignalingState, SdpType, Side.LOCAL, Side.REMOTE

TRANSITIONS: dict[tuple[SignalingState, Side, SdpType], SignalingState] = {
    (_S.STABLE, _L, _T.OFFER): _S.HAVE_LOCAL_OFFER,
    (_S.STABLE, _R, _T.OFFER): _S.HAVE_REMOTE_OFFER,
    (_S.HAVE_LOCAL_OFFER, _L, _T.OFFER): _S.HAVE_LOCAL_OFFER,
    (_S.HAVE_LOCAL_OFFER, _L, _T.ROLLBACK): _S.STABLE,
    (_S.HAVE_LOCAL_OFFER, _R, _T.ROLLBACK): _S.STABLE,
    (_S.HAVE_LOCAL_OFFER, _R, _T.ANSWER): _S.STABLE,
    (_S.HAVE_LOCAL_OFFER, _R, _T.PRANSWER): _S.HAVE_REMOTE_PRANSWER,
    (_S.HAVE_REMOTE_PRANSWER, _R, _T.PRANSWER): _S.HAVE_REMOTE_PRANSWER,
    (_S.HAVE_REMOTE_PRANSWER, _R, _T.ANSWER): _S.STABLE,
    (_S.HAVE_REMOTE_OFFER, _R, _T.OFFER): _S.HAVE_REMOTE_OFFER,
    (_S.HAVE_REMOTE_OFFER, _R, _T.ROLLBACK): _S.STABLE,
    (_S.HAVE_REMOTE_OFFER, _L, _T.ROLLBACK): _S.STABLE,
    (_S.HAVE_REMOTE_OFFER, _L, _T.ANSWER): _S.STABLE,
    (_S.HAVE_REMOTE_OFFER, _L, _T.PRANSWER): _S.HAVE_LOCAL_PRANSWER,
    (_S.HAVE_LOCAL_PRANSWER, _L, _T.PRANSWER): _S.HAVE_LOCAL_PRANSWER,
    (_S.HAVE_LOCAL_PRANSWER, _L, _T.ANSWER): _S.STABLE,
}


def transition(state: SignalingState, side: Side, kind: SdpType) -> SignalingState:
    """Give the state that follows a description.

    Raises:
        InvalidStateError: The description does not fit the state.
    """
    try:
        return TRANSITIONS[state, side, kind]
    except KeyError:
        raise InvalidStateError(
            f"a {side.value} {kind.value} cannot be applied in signaling state {state.value!r}"
        ) from None


def needs_implicit_rollback(state: SignalingState, side: Side, kind: SdpType) -> bool:
    """Tell whether an offer meets an offer of the other side, glare (webrtc-pc section 4.4.2).

    Only a remote offer rolls back our own: the polite side of perfect negotiation.
    """
    return (
        side is Side.REMOTE and kind is SdpType.OFFER and state is SignalingState.HAVE_LOCAL_OFFER
    )


@dataclass(frozen=True, slots=True)
class Reuse:
    """Verdict on an exchange that changes nothing: the DTLS association goes on."""


@dataclass(frozen=True, slots=True)
class NewAssociation:
    """Verdict on an exchange that asks for a new DTLS association.

    Args:
        reason: What has changed, for example "our fingerprint changed".
        peer_may_keep: The peer may keep its association all the same; only the wire shows.
    """

    reason: str
    peer_may_keep: bool = False


@dataclass(frozen=True, slots=True)
class Refuse:
    """Verdict on an offer that cannot be followed: it is refused, and the session goes on.

    Args:
        reason: A sentence for the error.
    """

    reason: str


#: Verdict on an offer with its answer.
Verdict = Reuse | NewAssociation
#: Verdict on the peer's offer, before our answer.
OfferVerdict = Reuse | NewAssociation | Refuse


@dataclass(frozen=True, slots=True)
class LocalIdentity:
    """Our end of a DTLS association, as RFC 8842 section 3.1 compares it."""

    fingerprints: tuple[Fingerprint, ...]
    tls_id: str

    @classmethod
    def generate(
        cls, fingerprints: tuple[Fingerprint, ...], random: Callable[[int], bytes]
    ) -> LocalIdentity:
        """Make our end of a new association: a fresh tls-id, with any certificate."""
        # RFC 8842 section 4: at least 120 random bits, 20 to 255 characters.
        return cls(fingerprints, base64.b32encode(random(20)).decode().lower())


@dataclass(frozen=True, slots=True)
class RemoteIdentity:
    """The peer's end of a DTLS association, as RFC 8842 section 3.1 compares it.

    Args:
        tls_id: None from a peer that sends none: RFC 8842 section 6 has rules for it.
    """

    fingerprints: tuple[Fingerprint, ...]
    tls_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationTerms:
    """One DTLS association as offer and answer describe it.

    Args:
        number: Numbers the associations of a transport, from 0.
        remote: None until there is an answer.
        role: Our DTLS role; None until there is an answer.
        verdict: The verdict on the exchange that asked for this association in place of another
            one; None for the first association, and until there is an answer.
    """

    number: int
    local: LocalIdentity
    remote: RemoteIdentity | None = None
    role: DtlsRole | None = None
    verdict: NewAssociation | None = None

    @property
    def agreed(self) -> bool:
        """True once both ends are known, so that they may shake hands."""
        return self.remote is not None and self.role is not None

    @property
    def peer_may_keep(self) -> bool:
        """True where the peer may keep the association before this one: only the wire shows."""
        return self.verdict is not None and self.verdict.peer_may_keep

    def is_same(self, other: AssociationTerms) -> bool:
        """True where both are one association: a number is used again after one was dropped."""
        return (self.number, self.local) == (other.number, other.local)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportState:
    """One ICE and DTLS transport: that of a BUNDLE group, or of a single m-section.

    Args:
        key: The mid that it was made for, marked where an older transport still has that name.
        local: Our credentials in the newest ICE generation; they name it.
        remote_ice: The peer's in that generation; None until an answer brought them.
        association: The association that the descriptions in force speak of.
        without_ice: The end of a peer that has no ICE; None for one that has, and until there is an
            answer. It stays for the life of the transport, with the addresses of the last exchange.
        unanswered: Our credentials in an ICE restart that the peer answered with its old ones: it
            may follow it all the same, which only the wire shows.
        fallbacks: Older associations that may still carry traffic, the oldest first; they go once
            `association` is known to be in use. More than one where the peer asked for new keys
            again before that was known of the last ones.
        encryption: Protection of media that offer and answer agreed on, or that is offered;
            nothing was agreed yet where it is DTLS-SRTP and the association is not.
        sdes: The keys of SDES-SRTP; None for all else.
    """

    key: str
    local: IceParameters
    ice_role: IceRole
    association: AssociationTerms
    remote_ice: IceParameters | None = None
    without_ice: WithoutIce | None = None
    unanswered: IceParameters | None = None
    fallbacks: tuple[AssociationTerms, ...] = ()
    encryption: MediaEncryption = MediaEncryption.DTLS_SRTP
    sdes: SdesTerms | None = None

    @property
    def agreed(self) -> bool:
        """True once an answer, now or earlier, has put the transport to use."""
        if self.sdes is not None:
            return self.sdes.keys is not None
        return not self.uses_dtls or self.association.agreed or bool(self.fallbacks)

    @property
    def shares_port(self) -> bool:
        """True where RTCP shares the port of RTP, or has yet to be asked to."""
        return self.without_ice is None or self.without_ice.rtcp is None

    @property
    def uses_dtls(self) -> bool:
        """True unless media has no DTLS association, as was agreed, or is offered."""
        return self.encryption is MediaEncryption.DTLS_SRTP

    @property
    def role(self) -> DtlsRole | None:
        """Our DTLS role in the association, or in the one that it is to follow."""
        if self.association.role is not None or not self.fallbacks:
            return self.association.role
        return self.fallbacks[-1].role


@dataclass(frozen=True, slots=True, kw_only=True)
class RekeyRequest:
    """Request for new DTLS associations on all transports, which the next offer carries.

    Args:
        fingerprints: Fingerprints of the certificate to show on them.
        keep_path: Shake hands on the path in use, instead of an ICE restart in the same exchange.
    """

    fingerprints: tuple[Fingerprint, ...]
    keep_path: bool = False


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
        extensions: Header extensions, with the ids of both ends.
        directions: Their directions.
        ssrcs: SSRCs that the peer announced to send with; may be empty.
        rtx: Pairs of (RTX SSRC, SSRC that it repairs).
        rids: RIDs that the peer announced to send with (RFC 8851); may be empty.
        simulcast: Those of them that are encodings of one picture (RFC 8853); else none.
        simulcast_ssrcs: SSRCs that are the same, by `a=ssrc-group:SIM`; else none.
        redundancy: True where one end prefers redundant data (RFC 2198) to the codec itself.
        sent_rids: RIDs of our encodings that the peer receives at once (RFC 8853); none without
            simulcast.
        paused_rids: Those of them that the peer does not want at present.
    """

    send: tuple[Codec, ...]
    receive: tuple[Codec, ...]
    extensions: tuple[HeaderExtension, ...]
    directions: ExtensionDirections = NO_EXTENSION
    ssrcs: tuple[int, ...] = ()
    rtx: tuple[tuple[int, int], ...] = ()
    rids: tuple[str, ...] = ()
    simulcast: tuple[str, ...] = ()
    simulcast_ssrcs: tuple[int, ...] = ()
    redundancy: bool = False
    sent_rids: tuple[str, ...] = ()
    paused_rids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transceiver:
    """One audio or video m-section, or the request for one. A stopped one is in no session.

    The fields down to `extensions_to_negotiate` belong to the application; the rest was negotiated.

    Args:
        key: Number of the transceiver in this session, never on the wire and never used again.
        streams: The MediaStream ids that our track belongs to.
        preferences: MIME types in the order preferred; empty for our own order.
        stopping: `stop()` was called, or the peer's offer has rejected the m-section; the next
            exchange takes that away.
        ended: The peer's offer has rejected the m-section, for good: a rollback changes nothing.
        extension_wishes: Directions of header extensions that the application asked for.
        extensions_to_negotiate: Directions for the next offer: the wishes, narrowed by each answer
            (webrtc-extensions: [[HeaderExtensionsToNegotiate]]).
        layers: The encodings of our track (RFC 8853) that the application, or the peer's first
            offer, asked for and no answer left out; empty for one encoding without RID.
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
    ended: bool = False
    extension_wishes: ExtensionDirections = EVERY_EXTENSION
    extensions_to_negotiate: ExtensionDirections = EVERY_EXTENSION

    mid: str | None = None
    layers: tuple[SendLayer, ...] = ()
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
        leads: It stands in front of the media that is offered with it (webrtc-extensions, "Always
            negotiating datachannels").
        mid: None until the m-section was offered.
        remote_port: The peer's SCTP port; None until there is an answer.
        remote_max_message_size: In bytes; 0 for no limit (RFC 8841 section 6.1).
    """

    requested: bool = False
    leads: bool = False
    mid: str | None = None
    remote_port: int | None = None
    remote_max_message_size: int = 65536


@dataclass(frozen=True, slots=True)
class AppliedDescription:
    """A description that was set, pending or current.

    Args:
        sdp: The description, with the candidates of the peer that have come since.
        as_set: The description without those; None where none has come.
    """

    type: SdpType
    sdp: Sdp
    as_set: Sdp | None = None

    @property
    def untrickled(self) -> AppliedDescription:
        """The description as it was set."""
        return self if self.as_set is None else AppliedDescription(self.type, self.as_set)


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
        rekey: A rekey was requested, and no exchange has fulfilled the request.
        credentials_to_replace: An ICE restart was requested: the credentials that have to go
            (webrtc-pc section 4.7.1: [[LocalIceCredentialsToReplace]]).
        was_encrypted: An exchange agreed on encrypted media or data, so that no later one may
            agree on plain RTP.
        was_dtls: One agreed on DTLS, so that no later one may agree on less.
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
    rekey: RekeyRequest | None = None
    credentials_to_replace: frozenset[IceParameters] = frozenset()
    was_encrypted: bool = False
    was_dtls: bool = False
    # By key and mid, so that a description of many m-sections takes no square of their number.
    _by_key: Mapping[int, Transceiver] = field(init=False, repr=False, compare=False)
    _by_mid: Mapping[str | None, Transceiver] = field(init=False, repr=False, compare=False)
    _transport_by_key: Mapping[str, TransportState] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        assign(self, "_by_key", {t.key: t for t in self.transceivers})
        assign(self, "_by_mid", {t.mid: t for t in self.transceivers if t.mid})
        assign(self, "_transport_by_key", {t.key: t for t in self.transports})

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
        return self._by_key.get(key)

    def transceiver_of(self, mid: str | None) -> Transceiver | None:
        """Find the transceiver of an m-section; None where it has none."""
        return self._by_mid.get(mid)

    def transport(self, key: str) -> TransportState | None:
        """Find a transport by its key; None where there is none."""
        return self._transport_by_key.get(key)

    def first_section(self, key: str) -> tuple[str | None, int | None]:
        """Find the mid and the index of the first m-section that a transport carries."""
        for index, section in enumerate(self.layout):
            if section.mid is not None and self.route(section.mid) == key:
                return section.mid, index
        return None, None

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
        found = (self.stable or self).transport(key)
        return found if found is not None and found.agreed else None

    @property
    def transport_keys(self) -> frozenset[str]:
        """The keys of all transports."""
        return frozenset(transport.key for transport in self.transports)

    def carrier(self, mids: Iterable[str]) -> TransportState | None:
        """Find the transport of the first of these m-sections that has one."""
        mid = next(filter(self.routes.__contains__, mids), None) if self.routes else None
        return None if mid is None else self.transport(self.routes[mid])

    @property
    def due_rekey(self) -> RekeyRequest | None:
        """Request with which an offer asks for new associations; None where none does.

        While it is open whether the last associations are in use, a request for others waits.
        """
        known = self.stable_transports
        ready = bool(known) and not any(transport.fallbacks for transport in known)
        return self.rekey if ready else None

    @property
    def ice_restart_is_due(self) -> bool:
        """True where an offer has to restart ICE (webrtc-pc section 4.7.3)."""
        return bool(self.credentials_to_replace) and bool(self.stable_transports)

    def with_transceiver(self, changed: Transceiver) -> Session:
        """Give the session with one transceiver replaced, or appended where its key is new."""
        return self.with_transceivers([changed])

    def with_transceivers(self, changed: Iterable[Transceiver]) -> Session:
        """Give the session with transceivers replaced, and appended where their keys are new."""
        found = {**self._by_key, **{each.key: each for each in changed}}
        made = max(self.made, max(found, default=-1) + 1)
        return replace(self, transceivers=tuple(found.values()), made=made)

    def without_transceiver(self, key: int) -> Session:
        """Give the session without a transceiver that has ended."""
        return replace(self, transceivers=tuple(t for t in self.transceivers if t.key != key))

    def with_transport(self, changed: TransportState) -> Session:
        """Give the session with one transport replaced, or appended where its key is new."""
        return self.with_transports([changed])

    def with_transports(self, changed: Iterable[TransportState]) -> Session:
        """Give the session with transports replaced, and appended where their keys are new."""
        found = {**self._transport_by_key, **{each.key: each for each in changed}}
        return replace(self, transports=tuple(found.values()))

    def with_routes(self, routes: Iterable[tuple[str, str]]) -> Session:
        """Give the session with routes added or replaced."""
        return replace(self, routes={**self.routes, **dict(routes)})


@dataclass(frozen=True, slots=True)
class GatheredCandidates:
    """Local candidates that ICE has gathered so far for one transport.

    Args:
        rtcp: Where we receive RTCP of a peer that has no rtcp-mux; None where that is not served.
        peer_address: Where a peer without ICE receives; None for one that has it, or is not known.
    """

    candidates: tuple[CandidateFields, ...] = ()
    complete: bool = False
    rtcp: DefaultDestination | None = None
    peer_address: str | None = None
