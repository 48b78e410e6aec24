"""createOffer makes an offer of the session, with what the application asked for (RFC 9429 5.2)."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, assert_never

from peer.configuration import BundlePolicy
from peer.configuration.security_policy import BestEffort
from peer.descriptions import SdpType
from peer.errors import InvalidStateError
from peer.ice import IceParameters
from peer.negotiation import sdp_writer as writing
from peer.negotiation.association import OFFER_SETUP, with_local_half
from peer.negotiation.codecs import (
    PayloadTypeAllocator,
    agreed_besides,
    in_order_of,
    offered_codecs,
    wanted_direction,
)
from peer.negotiation.created_description import CreatedDescription
from peer.negotiation.header_extensions import offered_extensions, sends_rids
from peer.negotiation.keying import BEST_EFFORT_PROTOCOL, SDES_PROTOCOL, offers_sdes
from peer.negotiation.sdes import offered_terms
from peer.negotiation.sdp.attributes import SPED_OPTIONS
from peer.negotiation.session import DataSection, LocalIdentity, Session, Transceiver
from peer.negotiation.simulcast import offered_again, offered_layers
from peer.states import IceRole
from peer.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from peer.identity.fingerprints import Fingerprint
    from peer.negotiation.profile import Profile
    from peer.negotiation.sdes import SdesTerms
    from peer.negotiation.sdp.description import MediaSection
    from peer.negotiation.session import TransportState
    from peer.rtp_parameters import Codec


@dataclass(frozen=True, slots=True)
class _Slot:
    """Content of one m-section of the offer; `described` is the m-section at this index before."""

    mid: str
    content: Transceiver | DataSection | None
    described: MediaSection | None = None

    @property
    def kind(self) -> str:
        return self.content.kind if isinstance(self.content, Transceiver) else "application"


def create_offer(
    session: Session, profile: Profile, version: int, *, ice_restart: bool = False
) -> CreatedDescription:
    """Make an offer, which changes the session only when it is set.

    Args:
        session: The session as it stands.
        profile: The fixed facts of our end.
        version: Version in `o=`.
        ice_restart: Restart ICE on all transports, requested or not.

    Raises:
        InvalidStateError: The peer has left no payload type for a codec of ours.
    """
    slots = list(_slots(session))
    live = {slot.mid: None for slot in slots if slot.content is not None}
    bundles = _bundles(session, live)
    offered = _OfferedTransports(session, profile, restart=ice_restart)
    routing = _Routing(session, profile, slots, bundles[0], offered)
    writer = _Writer(session, profile, routing)
    return CreatedDescription(
        type=SdpType.OFFER,
        sdp=writing.description(session, version, map(writer.section, slots), bundles),
        base=session,
        mids=tuple((s.content.key, s.mid) for s in slots if isinstance(s.content, Transceiver)),
        data_mid=next((s.mid for s in slots if isinstance(s.content, DataSection)), None),
        transports=tuple(routing.transports.values()),
        routes=tuple(routing.routes.items()),
        fingerprints=offered.fingerprints,
    )


def _slots(session: Session) -> Iterator[_Slot]:
    """Keep the order of m-sections, recycle rejected ones, append new ones (RFC 9429 5.2.2)."""
    waiting: list[Transceiver | DataSection] = [t for t in session.transceivers if t.mid is None]
    if session.data is not None and session.data.mid is None:
        waiting.insert(0 if session.data.leads else len(waiting), session.data)
    mids, recyclable = _fresh_mids(session), session.recyclable_sections
    for index, section in enumerate(session.layout):
        content = _content(session, section)
        if content is None and index in recyclable and waiting:
            yield _Slot(next(mids), waiting.pop(0))
        else:
            yield _Slot(section.mid or "", content, section)
    for content in waiting:
        yield _Slot(next(mids), content)


def _content(session: Session, section: MediaSection) -> Transceiver | DataSection | None:
    if section.mid is None:
        # The peer rejects some without a mid; data channels without one wait for their m-section.
        return None
    if session.data is not None and section.mid == session.data.mid:
        return session.data
    transceiver = session.transceiver_of(section.mid)
    return None if transceiver is None or transceiver.stopping else transceiver


def _fresh_mids(session: Session) -> Iterator[str]:
    # A mid is never used again (RFC 9429 section 5.2.2), short because it rides on every packet.
    present = {section.mid for section in session.layout}
    return (mid for mid in map(str, count(session.next_mid)) if mid not in present)


def _bundles(session: Session, live: Mapping[str, None]) -> list[list[str]]:
    """List the BUNDLE groups: one of all m-sections at first, later the groups of the answer.

    New m-sections join the first group (RFC 9429 section 5.2.2), so that no m-section ever moves
    to another transport.
    """
    answer = session.answer
    if answer is None:
        return [list(live)]
    agreed = [[mid for mid in group.mids if mid in live] for group in answer.bundle_groups]
    known = {section.mid for section in answer.media if not section.rejected}
    first, *others = agreed or [[]]
    return [first + [mid for mid in live if mid not in known], *others]


class _Routing:
    """The transport of each m-section of an offer: one of its own, or that of another.

    Args:
        session: The session as it stands.
        profile: Makes transports.
        slots: The m-sections of the offer.
        bundle: The mids of the BUNDLE group that new m-sections join.
        offered: The transports in use, as the offer describes them.
    """

    def __init__(
        self,
        session: Session,
        profile: Profile,
        slots: Sequence[_Slot],
        bundle: Sequence[str],
        offered: _OfferedTransports,
    ) -> None:
        self.transports: dict[str, TransportState] = {}
        self.routes: dict[str, str] = {}
        self.bundle_only: set[str] = set()
        agreed = session.answer is not None
        shared = session.carrier(bundle) if agreed else None
        kinds: set[str] = set()
        for slot in slots:
            if slot.content is None:
                continue
            transport = session.carrier([slot.mid]) or shared
            first = next(iter(self.transports.values()), None)
            if transport is None and not agreed and _shares(profile, slot, kinds):
                transport = first
            if transport is None:
                taken = session.transport_keys
                transport = profile.new_transport(
                    slot.mid,
                    IceRole.CONTROLLING,
                    taken,
                    offered.fingerprints,
                    sdes=offered.new_sdes_terms(),
                )
                # RFC 8839 section 5.4 lets m-sections share credentials, and Pion and GStreamer
                # refuse a BUNDLE group whose m-sections do not.
                if first is not None and not agreed:
                    transport = replace(transport, local=first.local)
            # RFC 9143 section 6: before the peer has bundled, sharing is a condition of the offer.
            if transport.key in self.transports and not agreed:
                self.bundle_only.add(slot.mid)
            kinds.add(slot.kind)
            if transport.key not in self.transports:
                self.transports[transport.key] = offered.of(transport)
            self.routes[slot.mid] = transport.key

    def of(self, mid: str) -> TransportState:
        return self.transports[self.routes[mid]]


def _shares(profile: Profile, slot: _Slot, kinds: set[str]) -> bool:
    """Tell whether a new m-section shares the first transport (RFC 9429 section 4.1.1)."""
    if profile.shares_port:
        return True
    policy = profile.bundle_policy
    match policy:
        case BundlePolicy.MAX_BUNDLE:
            return True
        case BundlePolicy.MAX_COMPAT:
            return False
        case BundlePolicy.BALANCED:
            return slot.kind in kinds
    assert_never(policy)


class _Writer:
    """Writes the m-sections of one offer, whose payload types must not contradict each other."""

    def __init__(self, session: Session, profile: Profile, routing: _Routing) -> None:
        self._session = session
        self._profile = profile
        self._routing = routing
        self._numbers = PayloadTypeAllocator(session)

    def _remote_section(self, mid: str) -> MediaSection | None:
        described = self._session.current_remote
        return None if described is None else described.sdp.section(mid)

    def section(self, slot: _Slot) -> MediaSection:
        profile, routing = self._profile, self._routing
        if slot.content is None:
            if slot.described is None:
                raise AssertionError("a slot without content stands where something stood before")
            return writing.rejected_section(slot.described)
        carrier = routing.of(slot.mid)
        options = SPED_OPTIONS if profile.dtls_in_stun else ()
        ice = writing.ice_lines(carrier, options) if carrier.without_ice is None else ()
        keys = (
            writing.dtls_lines(carrier, OFFER_SETUP) if carrier.sdes is None else carrier.sdes.lines
        )
        transport = (*ice, *keys)
        bundle_only = slot.mid in routing.bundle_only
        if isinstance(slot.content, DataSection):
            theirs = self._remote_section(slot.mid)
            is_old = theirs is not None and theirs.has("sctpmap")
            return writing.data_section(
                profile,
                mid=slot.mid,
                transport=transport,
                bundle_only=bundle_only,
                protocol=theirs.media_line.protocol if theirs and is_old else writing.DATA_PROTOCOL,
                old_form=is_old,
            )
        direction = wanted_direction(profile.capabilities, slot.content)
        numbered = self._numbers.extensions(profile.capabilities[slot.content.kind].extensions)
        extensions = offered_extensions(slot.content.extensions_to_negotiate, numbered)
        agreement = slot.content.agreement
        agreed = () if agreement is None else agreement.simulcast
        return writing.rtp_section(
            slot.content,
            mid=slot.mid,
            direction=direction,
            codecs=self._codecs(slot.mid, slot.content),
            extensions=extensions,
            transport=transport,
            bundle_only=bundle_only,
            protocol=self._protocol(slot.mid, carrier),
            mux=carrier.shares_port,
            cname=profile.cname,
            # RFC 8853 section 5.3.4: an offer without them would end simulcast.
            simulcast=offered_again(agreed) if agreed and direction.receives else (),
            layers=offered_layers(slot.content)
            if direction.sends and sends_rids(extensions)
            else (),
        )

    def _protocol(self, mid: str, carrier: TransportState) -> str:
        if carrier.sdes is None and self._profile.best_effort is BestEffort.OFF:
            return writing.RTP_PROTOCOL
        # RFC 8643 section 3.1; later in the profile that the peer has shown to know, with keys
        # again where it had none (section 3.4).
        theirs = self._remote_section(mid)
        if theirs is not None:
            return theirs.media_line.protocol
        return BEST_EFFORT_PROTOCOL if carrier.sdes is None else SDES_PROTOCOL

    def _codecs(self, mid: str, transceiver: Transceiver) -> tuple[Codec, ...]:
        ours = offered_codecs(
            self._profile.capabilities[transceiver.kind],
            wanted_direction(self._profile.capabilities, transceiver),
            transceiver.preferences,
        )
        agreed = () if transceiver.agreement is None else transceiver.agreement.receive
        # RFC 9429 section 5.2.2: what was agreed, by an offer of the peer, is offered again.
        besides = agreed_besides(ours, agreed, transceiver.preferences)
        codecs = (*self._numbers.codecs(ours), *self._numbers.codecs(besides))
        if not codecs:
            raise InvalidStateError(
                f"the peer has left no payload type for {transceiver.kind} in this session"
            )
        answer = self._session.answer
        answered = answer.section(mid) if answer is not None else None
        # RFC 9429 section 5.2.2: the order of the last answer, so that nobody changes codecs
        # because of a re-offer.
        if answered is None or transceiver.preferences:
            return codecs
        return in_order_of(answered, codecs)


class _OfferedTransports:
    """The transports as one offer of ours describes them.

    A rekey asks for a new DTLS association on every transport, because no transport may show the
    old certificate beside one that shows the new one. RFC 8842 section 6 has it take fresh ICE
    candidates, so that no late packet of the old association comes by the path of the new one.
    Offers change neither DTLS roles nor routes. A request of a pending offer stays in the offer
    that replaces it.

    Args:
        session: The session as it stands.
        profile: Its random bytes make identities and credentials.
        restart: Restart ICE on all transports, requested or not.
    """

    def __init__(self, session: Session, profile: Profile, *, restart: bool) -> None:
        self._session = session
        self._random = profile.random
        self._sdes = profile.sdes
        rekey = session.due_rekey
        self._rekey = None if rekey is None else rekey.fingerprints
        self._restart = restart or (rekey is not None and not rekey.keep_path)
        self._renewed: dict[IceParameters, IceParameters] = {}

    @property
    def fingerprints(self) -> tuple[Fingerprint, ...]:
        """Fingerprints of the certificate that transports without an association show."""
        return self._rekey or self._session.fingerprints

    def of(self, now: TransportState) -> TransportState:
        """Give a transport as the offer describes it."""
        known = self._session.stable_transport(now.key)
        if known is None:
            return now
        described = with_local_half(
            known, self._identity(known, now), self._credentials(known, now)
        )
        if known.sdes is None or self._sdes is None:
            return described
        again = offered_terms(self._sdes.suites, self._random, known.sdes)
        return replace(described, sdes=again)

    def new_sdes_terms(self) -> SdesTerms | None:
        """Make the keys of a transport that is new; None where the session has DTLS."""
        if self._sdes is None or not offers_sdes(self._session, self._sdes):
            return None
        return offered_terms(self._sdes.suites, self._random)

    def _identity(self, known: TransportState, now: TransportState) -> LocalIdentity:
        ours, asked = known.association.local, now.association.local
        if self._rekey is None:
            return ours
        if asked != ours and asked.fingerprints == self._rekey:
            return asked
        return LocalIdentity.generate(self._rekey, self._random)

    def _credentials(self, known: TransportState, now: TransportState) -> IceParameters:
        replaced = self._session.credentials_to_replace
        if known.without_ice is not None:
            # There is nothing to restart, and a peer without ICE would have to be told a new port.
            return known.local
        if not (self._restart or known.local in replaced):
            return known.local
        if now.local != known.local and now.local not in replaced:
            return now.local
        # As in the first offer: Pion and GStreamer want one pair in a whole group.
        if known.local not in self._renewed:
            self._renewed[known.local] = IceParameters.generate(self._random)
        return self._renewed[known.local]
