"""Owns createOffer: the session and the wishes in, an offer out (RFC 9429 section 5.2)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from peer.configuration import BundlePolicy
from peer.descriptions import SdpType
from peer.negotiation import writing
from peer.negotiation.codecs import preferred
from peer.negotiation.created import Created
from peer.negotiation.payload_types import NumberPlan
from peer.negotiation.roles import OFFER_SETUP
from peer.negotiation.session import DataSection, Session, Transceiver, TransportState
from peer.states import IceRole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from peer.negotiation.profile import Profile
    from peer.negotiation.sdp import MediaSection


@dataclass(frozen=True, slots=True)
class _Slot:
    """What stands at one place of the offer; `described` is what stood there before."""

    mid: str
    content: Transceiver | DataSection | None
    described: MediaSection | None = None

    @property
    def kind(self) -> str:
        return self.content.kind if isinstance(self.content, Transceiver) else "application"


def create_offer(session: Session, profile: Profile) -> Created:
    """Make an offer. Nothing changes until it is set."""
    slots = list(_slots(session))
    routing = _Routing(session, profile, slots)
    numbers = NumberPlan(session)
    media = tuple(_section(slot, routing, numbers, profile) for slot in slots)
    live = [slot.mid for slot in slots if slot.content is not None]
    return Created(
        type=SdpType.OFFER,
        sdp=writing.description(session, media, live),
        mids=tuple((s.content.key, s.mid) for s in slots if isinstance(s.content, Transceiver)),
        data_mid=next((s.mid for s in slots if isinstance(s.content, DataSection)), None),
        transports=tuple(routing.transports.values()),
        routes=tuple(routing.routes.items()),
    )


def _slots(session: Session) -> Iterator[_Slot]:
    """Sections keep their place, dead ones are used again, new ones follow (RFC 9429 5.2.2)."""
    waiting = [t for t in session.transceivers if t.mid is None and not (t.stopping or t.stopped)]
    new_data = session.data if session.data is not None and session.data.mid is None else None
    mids = _fresh_mids(session)
    free_places = session.free_places
    for place, section in enumerate(session.layout):
        content = _content(session, section)
        if content is not None or not (section.rejected or place in free_places):
            yield _Slot(section.mid or "", content, section)
        elif waiting:
            yield _Slot(next(mids), waiting.pop(0))
        elif new_data is not None:
            yield _Slot(next(mids), new_data)
            new_data = None
        else:
            yield _Slot(section.mid or "", None, section)
    for transceiver in waiting:
        yield _Slot(next(mids), transceiver)
    if new_data is not None:
        yield _Slot(next(mids), new_data)


def _content(session: Session, section: MediaSection) -> Transceiver | DataSection | None:
    if session.data is not None and section.mid == session.data.mid:
        return session.data
    transceiver = session.transceiver_of(section.mid)
    if transceiver is None or transceiver.stopping or transceiver.stopped:
        return None
    return transceiver


def _fresh_mids(session: Session) -> Iterator[str]:
    # A mid is never used again (RFC 9429 section 5.2.2), short because it rides on every packet.
    number = 0
    while True:
        if str(number) not in session.mids:
            yield str(number)
        number += 1


class _Routing:
    """Which m-section has a transport of its own, and which rides on another's."""

    def __init__(self, session: Session, profile: Profile, slots: Sequence[_Slot]) -> None:
        self.transports: dict[str, TransportState] = {}
        self.routes: dict[str, str] = {}
        self.bundle_only: set[str] = set()
        kinds: set[str] = set()
        shared = _bundle_transport(session)
        tag: str | None = None
        for slot in slots:
            if slot.content is None:
                continue
            known = session.route(slot.mid)
            transport = session.transport(known) if known is not None else None
            if transport is None:
                transport = shared
            if transport is None and tag is not None and _rides(profile.bundle_policy, slot, kinds):
                transport = self.transports[tag]
            if transport is None:
                transport = self._new(slot.mid, tag, profile)
            # RFC 8843 section 6: until the peer has bundled, sharing is a condition of the offer.
            if transport.key != slot.mid and shared is None:
                self.bundle_only.add(slot.mid)
            kinds.add(slot.kind)
            tag = tag or transport.key
            self.transports[transport.key] = transport
            self.routes[slot.mid] = transport.key

    def _new(self, mid: str, tag: str | None, profile: Profile) -> TransportState:
        transport = profile.new_transport(mid, IceRole.CONTROLLING)
        # RFC 8839 section 5.4 lets m-sections share them, and Pion and GStreamer refuse a BUNDLE
        # group whose m-sections do not.
        return transport if tag is None else replace(transport, local=self.transports[tag].local)

    def of(self, mid: str) -> TransportState:
        return self.transports[self.routes[mid]]


def _rides(policy: BundlePolicy, slot: _Slot, kinds: set[str]) -> bool:
    """Whether a new section shares the transport of the first one (RFC 9429 section 4.1.1)."""
    match policy:
        case BundlePolicy.MAX_BUNDLE:
            return True
        case BundlePolicy.MAX_COMPAT:
            return False
        case BundlePolicy.BALANCED:
            return slot.kind in kinds
    assert_never(policy)


def _bundle_transport(session: Session) -> TransportState | None:
    """The transport that the peer bundles over, or None while nothing was agreed."""
    remote = session.current_remote
    mids = (mid for group in remote.sdp.bundle_groups for mid in group.mids) if remote else ()
    keys = (session.route(mid) for mid in mids)
    found = (session.transport(key) for key in keys if key is not None)
    return next((transport for transport in found if transport is not None), None)


def _section(slot: _Slot, routing: _Routing, numbers: NumberPlan, profile: Profile) -> MediaSection:
    bundle_only = slot.mid in routing.bundle_only
    match slot.content:
        case None:
            if slot.described is None:
                raise AssertionError("a slot without content stands where something stood before")
            return writing.rejected_section(slot.described)
        case DataSection():
            transport = writing.transport_lines(profile, routing.of(slot.mid), OFFER_SETUP)
            return writing.data_section(
                profile, mid=slot.mid, transport=transport, bundle_only=bundle_only
            )
        case Transceiver() as transceiver:
            capabilities = profile.capabilities[transceiver.kind]
            return writing.rtp_section(
                transceiver,
                mid=slot.mid,
                direction=transceiver.direction,
                codecs=numbers.codecs(preferred(capabilities.codecs, transceiver.preferences)),
                extensions=numbers.extensions(capabilities.extensions),
                transport=writing.transport_lines(profile, routing.of(slot.mid), OFFER_SETUP),
                bundle_only=bundle_only,
                cname=profile.cname,
            )
