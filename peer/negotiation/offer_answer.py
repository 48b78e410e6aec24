"""Offer/answer engine of one connection: plans a description, then commits it or leaves it.

A plan is made of a session and a description, and changes nothing. Its `prepare` effects may fail
(a socket cannot be bound); then the plan is given up, and the session stands as it was. Once they
are done the plan is committed, and the effects that follow cannot fail.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, TypeAlias, Unpack, assert_never

from peer.descriptions import SdpType, SessionDescription
from peer.errors import InvalidModificationError, InvalidStateError
from peer.negotiation.answer import create_answer
from peer.negotiation.application_changes import (
    reusable_for_track,
    stream_ids,
    with_changes,
    with_data,
    with_data_always,
    with_ice_restart,
    with_stop,
)
from peer.negotiation.apply_description import (
    apply_local_answer,
    apply_local_offer,
    apply_remote_answer,
    apply_remote_offer,
    roll_back,
)
from peer.negotiation.associated_transceivers import new_transceiver
from peer.negotiation.association_outcome import (
    with_association_outcome,
    with_followed_restart,
)
from peer.negotiation.capability_negotiation import with_secure_configurations
from peer.negotiation.codecs import wanted_direction
from peer.negotiation.difference import candidate_difference, difference
from peer.negotiation.effects import OpenGeneration, OpenTransport
from peer.negotiation.keying import check_signaling, offers_sdes
from peer.negotiation.leniency import (
    read_description,
    with_allowed_directions,
    without_foreign_codecs,
    without_unusable,
)
from peer.negotiation.offer import create_offer
from peer.negotiation.remote_candidates import with_remote_candidate
from peer.negotiation.sdp.attributes import MediaDirection
from peer.negotiation.session import (
    GatheredCandidates,
    RekeyRequest,
    Session,
    Side,
    Transceiver,
    TransceiverOrigin,
    needs_implicit_rollback,
    transition,
)
from peer.negotiation.shown_description import ShownDescription
from peer.negotiation.simulcast import new_layers
from peer.negotiation.without_ice import without_mismatched_ice
from peer.states import SignalingState
from peer.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from peer.ice import IceCandidate
    from peer.identity.fingerprints import Fingerprint
    from peer.negotiation.application_changes import TransceiverChanges
    from peer.negotiation.created_description import CreatedDescription
    from peer.negotiation.effects import Effect, Preparation
    from peer.negotiation.leniency import Lenience
    from peer.negotiation.profile import Profile
    from peer.negotiation.sdp.description import MediaSection, Sdp
    from peer.negotiation.sdp.lines import Line
    from peer.negotiation.session import Transceiver
    from peer.rtp_parameters import MediaKind

    #: Gives lines for the session part of a description of ours, from the description without them
    #: and the offer that it answers.
    Attest: TypeAlias = Callable[[Sdp, Sdp | None], Sequence[Line]]


@dataclass(frozen=True, slots=True)
class Plan:
    """One description that could be set, and the session that it leads to.

    Args:
        base: The session that the plan was made from.
        next: The session that the plan leads to.
        prepare: Effects that must be carried out before the commit, and may fail.
        step: Makes the next session of the present one; used again where the application changed
            something while the preparation ran.
        leniencies: What was taken of the peer beyond the grammar.
    """

    base: Session
    next: Session
    prepare: tuple[Preparation, ...]
    step: Callable[[Session], Session]
    leniencies: tuple[Lenience, ...] = ()


def _attest_nothing(sdp: Sdp, offer: Sdp | None) -> Sequence[Line]:
    return ()


class OfferAnswer:
    """Offer/answer engine of one connection: holds the session, and alone replaces it.

    Args:
        profile: The fixed facts of our end.

    Attributes:
        attest: Gives the lines of our own for each description that we make.
        signaling_is_protected: Nobody else reads or changes the descriptions, so that they may have
            keys of SDES.
    """

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.attest: Attest = _attest_nothing
        self.signaling_is_protected = (
            profile.sdes is not None and profile.sdes.signaling_is_protected
        )
        # RFC 9429 section 5.2.1: 62 random bits, so that the number stays below 2^63 - 1.
        self._session = Session(
            id=int.from_bytes(profile.random(8)) >> 2, fingerprints=profile.fingerprints
        )
        # RFC 9429 section 5.2.2: the version counts created descriptions, set or not.
        self._versions = count(1)
        self._offer: CreatedDescription | None = None
        self._answer: CreatedDescription | None = None
        self._shown = ShownDescription()

    def __repr__(self) -> str:
        session, needed = self._session, " negotiation-needed" if self.negotiation_needed else ""
        transports = [f"{t.key}:{t.association.number}" for t in session.transports]
        mids = [t.mid for t in session.transceivers]
        return f"<OfferAnswer {session.id} {session.state}{needed} {mids=} {transports=}>"

    def fork(self) -> OfferAnswer:
        """Return another engine at the same point, so that one offer may have several answers."""
        made = OfferAnswer(self.profile)
        made._session = self._session
        made.signaling_is_protected = self.signaling_is_protected
        # RFC 3264 section 8: the version rises from one description to the next.
        version = next(self._versions)
        self._versions, made._versions = count(version), count(version)
        return made

    @property
    def session(self) -> Session:
        """The session as it stands."""
        return self._session

    @property
    def negotiation_needed(self) -> bool:
        """True where an offer is due (webrtc-pc section 4.7.3)."""
        return _needs_negotiation(self._session, self.profile)

    @property
    def peer_trickles(self) -> bool | None:
        """True where the peer takes candidates after its description (RFC 8840 section 4.1)."""
        described = self._session.description(Side.REMOTE)
        if described is None:
            return None
        sdp = described.sdp
        sections = sdp.media
        return any("trickle" in sdp.transport_ice_options(section) for section in sections)

    def reusable_for_track(self, key: int, kind: MediaKind) -> Transceiver | None:
        """Find a transceiver, where addTrack may use its sender."""
        return reusable_for_track(self._session, key, kind)

    def described(
        self, side: Side, *, pending: bool, gathered: Mapping[tuple[str, str], GatheredCandidates]
    ) -> SessionDescription | None:
        """Give a description in force, ours with the candidates gathered so far.

        Args:
            side: The end that made the description.
            pending: Give the pending description, else the current one.
            gathered: Local candidates, by the key of the transport and our username fragment.
        """
        session = self._session
        if side is Side.LOCAL:
            described = session.pending_local if pending else session.current_local
        else:
            described = session.pending_remote if pending else session.current_remote
        if described is None:
            return None
        if side is Side.REMOTE:
            return SessionDescription(sdp=str(described.sdp), type=described.type)
        return self._shown.show(described, session, gathered)

    def create_offer(self, *, ice_restart: bool = False) -> SessionDescription:
        """Make an offer with what the application asked for.

        Args:
            ice_restart: Restart ICE, requested or not.

        Raises:
            InvalidStateError: An offer of the peer waits for its answer, or we are closed.
        """
        self._offer = self._new_offer(ice_restart=ice_restart)
        return self._offer.description

    def create_answer(self) -> SessionDescription:
        """Make an answer to the peer's offer.

        Raises:
            InvalidStateError: There is no offer to answer.
        """
        self._answer = self._new_answer()
        return self._answer.description

    def plan(self, side: Side, description: SessionDescription | None) -> Plan:
        """Work out what setting a description would do.

        Args:
            description: None, for our own side, means the offer or answer that the state asks for.

        Raises:
            InvalidStateError: The description does not fit the signalling state.
            InvalidModificationError: The description is ours, and not the one created last.
            DescriptionError: The description is the peer's, and cannot be accepted.
        """
        if self._session.state is SignalingState.CLOSED:
            raise InvalidStateError("the connection is closed")
        leniencies: tuple[Lenience, ...] = ()
        if side is Side.LOCAL:
            step = self._local_step(description)
        elif description is None:
            raise InvalidStateError("a remote description is needed")
        else:
            step, leniencies = self._remote_step(description)
        following = step(self._session)
        opened = tuple(
            effect
            for effect in difference(self._session, following, self.profile.cname)
            if isinstance(effect, OpenTransport | OpenGeneration)
        )
        return Plan(self._session, following, opened, step, leniencies)

    def commit(self, plan: Plan) -> tuple[Effect, ...]:
        """Make the plan's session the present one, and list the effects that are left.

        Raises:
            PeerError: The session changed meanwhile so that the plan fits no more; nothing changed.
        """
        before = self._session
        after = plan.next if before is plan.base else plan.step(before)
        if after.state is not SignalingState.HAVE_LOCAL_PRANSWER:
            self._answer = None
        return self._move(after, prepared=plan.prepare)

    def add_candidate(self, candidate: IceCandidate | None) -> tuple[Effect, ...]:
        """Add a candidate of the peer.

        Raises:
            InvalidStateError: There is no remote description yet, or we are closed.
            CandidateError: It is malformed or belongs nowhere; nothing changed.
        """
        if self._session.state is SignalingState.CLOSED:
            raise InvalidStateError("the connection is closed")
        after = with_remote_candidate(self._session, candidate, self.profile)
        effects = candidate_difference(self._session, after)
        self._session = after
        return effects

    def add_transceiver(
        self,
        kind: MediaKind,
        *,
        origin: TransceiverOrigin,
        direction: MediaDirection,
        streams: Sequence[str] = (),
        has_track: bool = False,
        track_id: str | None = None,
        rids: Sequence[str] = (),
    ) -> Transceiver:
        """Add a transceiver, whose m-section the next offer or answer has.

        Args:
            track_id: The id of the track in descriptions (RFC 8830); None for a random one.

        Raises:
            InvalidAccessError: A stream has no possible id.
        """
        made = new_transceiver(
            self._session.made,
            self.profile,
            others=self._session.transceivers,
            kind=kind,
            origin=origin,
            direction=direction,
        )
        layers = new_layers(rids, made, self.profile.random)
        made = replace(
            made,
            streams=stream_ids(streams),
            has_track=has_track,
            track_id=track_id or made.track_id,
            layers=layers,
        )
        self._session = self._session.with_transceiver(made)
        return made

    def change_transceiver(self, key: int, **changes: Unpack[TransceiverChanges]) -> None:
        """Change what the application set on a transceiver.

        Raises:
            InvalidAccessError: A stream has no possible id, a preference is no codec of ours, or
                the transceiver has ended.
            InvalidModificationError: A header extension is stopped that has to be there, or no
                preference carries media.
        """
        self._session = with_changes(self._session, self.profile, key, changes)

    def stop_transceiver(self, key: int) -> tuple[Effect, ...]:
        """Stop a transceiver, at once where it was never offered, else by the next offer.

        Raises:
            InvalidAccessError: It has ended.
        """
        return self._move(with_stop(self._session, key))

    def request_data(self) -> None:
        """Request the m-section of the data channels.

        Raises:
            InvalidStateError: Our offers have keys of SDES, beside which no fingerprint may stand.
        """
        self._check_data()
        self._session = with_data(self._session)

    def always_negotiate_data(self, *, always: bool) -> None:
        """Have the m-section of the data channels in each offer, without a channel too, or not.

        Raises:
            InvalidStateError: Our offers have keys of SDES, beside which no fingerprint may stand.
        """
        if always:
            self._check_data()
        self._session = with_data_always(self._session, always=always)

    def _check_data(self) -> None:
        if offers_sdes(self._session, self.profile.sdes):
            raise InvalidStateError("data channels need DTLS, and this connection has sdes")

    def request_rekey(
        self, fingerprints: tuple[Fingerprint, ...], *, keep_path: bool = False
    ) -> None:
        """Request a new DTLS association on every transport.

        Args:
            fingerprints: Fingerprints of the certificate to show on them.
            keep_path: Offer no ICE restart with them.
        """
        rekey = RekeyRequest(fingerprints=fingerprints, keep_path=keep_path)
        self._session = replace(self._session, rekey=rekey)

    def cancel_rekey_request(self) -> None:
        """Withdraw the request for a rekey; a pending offer that asks for it stands."""
        self._session = replace(self._session, rekey=None)

    def restart_ice(self) -> None:
        """Request new ICE credentials on every transport (webrtc-pc section 4.4.2)."""
        self._session = with_ice_restart(self._session)

    def resolve_association(self, key: str, number: int, *, in_use: bool) -> tuple[Effect, ...]:
        """Take note of what the wire has shown of a new association.

        Args:
            key: Key of the transport.
            number: Number of the association.
            in_use: The association is in use, and none before it; else the peer keeps the last.
        """
        return self._move(with_association_outcome(self._session, key, number, in_use=in_use))

    def resolve_restart(self, key: str, *, generation: str) -> tuple[Effect, ...]:
        """Take note that the peer follows an ICE restart that it answered with its old credentials.

        Args:
            key: Key of the transport.
            generation: Our username fragment in the generation of that restart.
        """
        return self._move(with_followed_restart(self._session, key, generation=generation))

    def close(self) -> None:
        """Close the session, after which no description can be planned."""
        self._session = replace(self._session, state=SignalingState.CLOSED)
        self._offer = self._answer = None

    def _new_offer(self, *, ice_restart: bool = False) -> CreatedDescription:
        state = self._session.state
        if state not in (SignalingState.STABLE, SignalingState.HAVE_LOCAL_OFFER):
            raise InvalidStateError(f"no offer can be made in signaling state {state.value!r}")
        version = next(self._versions)
        created = create_offer(self._session, self.profile, version, ice_restart=ice_restart)
        return self._attested(created)

    def _new_answer(self) -> CreatedDescription:
        session, offer = self._session, self._session.pending_remote
        waiting = (SignalingState.HAVE_REMOTE_OFFER, SignalingState.HAVE_LOCAL_PRANSWER)
        if session.state not in waiting or offer is None:
            raise InvalidStateError(f"there is no offer to answer in state {session.state.value!r}")
        created = create_answer(session, self.profile, offer.sdp, next(self._versions))
        return self._attested(created, offer.sdp)

    def _attested(
        self, created: CreatedDescription, offer: Sdp | None = None
    ) -> CreatedDescription:
        self._check_signaling(created.sdp)
        lines = self.attest(created.sdp, offer)
        if not lines:
            return created
        sdp = created.sdp.with_session(created.sdp.session.with_lines(*lines))
        return replace(created, sdp=sdp)

    def _move(
        self, after: Session, *, prepared: tuple[Preparation, ...] = ()
    ) -> tuple[Effect, ...]:
        effects = difference(self._session, after, self.profile.cname)
        self._session = after
        done = frozenset(prepared)
        return tuple(effect for effect in effects if effect not in done)

    def _local_step(self, description: SessionDescription | None) -> Callable[[Session], Session]:
        kind = self._implied_type() if description is None else description.type
        text = "" if description is None else description.sdp
        transition(self._session.state, Side.LOCAL, kind)
        match kind:
            case SdpType.ROLLBACK:
                return lambda session: roll_back(session, Side.LOCAL)
            case SdpType.OFFER:
                created = self._created(self._present_offer, text) or self._new_offer()
                return lambda session: apply_local_offer(session, created)
            case SdpType.ANSWER | SdpType.PRANSWER:
                created = self._created(self._answer, text) or self._new_answer()
                return lambda session: apply_local_answer(session, created, kind)
        assert_never(kind)

    @property
    def _present_offer(self) -> CreatedDescription | None:
        """The offer created last, unless an exchange has followed it."""
        offer = self._offer
        if offer is None or _described(offer.base) != _described(self._session):
            return None
        return offer

    def _implied_type(self) -> SdpType:
        """Give the type that setLocalDescription() without argument means (webrtc-pc 4.4.1.5)."""
        match self._session.state:
            case SignalingState.HAVE_REMOTE_OFFER | SignalingState.HAVE_LOCAL_PRANSWER:
                return SdpType.ANSWER
            case _:
                return SdpType.OFFER

    def _created(self, created: CreatedDescription | None, text: str) -> CreatedDescription | None:
        """Give the description created last; without a text only if the session is the same."""
        if not text:
            return created if created is not None and created.base is self._session else None
        if created is None:
            raise InvalidModificationError("this description is stale: create it again")
        if text != str(created.sdp):
            raise InvalidModificationError(
                "the description was changed after it was created; change the transceivers instead"
            )
        return created

    def _remote_step(
        self, description: SessionDescription
    ) -> tuple[Callable[[Session], Session], tuple[Lenience, ...]]:
        kind, profile = description.type, self.profile
        if not needs_implicit_rollback(self._session.state, Side.REMOTE, kind):
            transition(self._session.state, Side.REMOTE, kind)
        if kind is SdpType.ROLLBACK:
            return lambda session: roll_back(session, Side.REMOTE), ()
        sdp, leniencies = self._read(description)
        self._check_signaling(sdp)

        def offer(session: Session) -> Session:
            if needs_implicit_rollback(session.state, Side.REMOTE, SdpType.OFFER):
                session = roll_back(session, Side.LOCAL)
            return apply_remote_offer(session, sdp, profile)

        match kind:
            case SdpType.OFFER:
                return offer, leniencies
            case SdpType.ANSWER | SdpType.PRANSWER:
                return lambda session: apply_remote_answer(session, sdp, profile, kind), leniencies
        assert_never(kind)

    def _check_signaling(self, sdp: Sdp) -> None:
        check_signaling(sdp, self.profile, is_protected=self.signaling_is_protected)

    def _read(self, description: SessionDescription) -> tuple[Sdp, tuple[Lenience, ...]]:
        """Read a description of the peer, with the leniencies that the program allows."""
        kind, session = description.type, self._session
        is_answer = kind is not SdpType.OFFER
        if is_answer:
            offer = session.pending_local
            known = () if offer is None else offer.sdp.media
        elif needs_implicit_rollback(session.state, Side.REMOTE, kind):
            known = roll_back(session, Side.LOCAL).layout
        else:
            # An offer that this one replaces was never agreed on.
            known = (session.stable or session).layout
        described, used = read_description(
            description.sdp,
            self.profile.limits,
            rules=self.profile.leniency,
            max_candidates=self.profile.max_candidates,
            known=[section.mid for section in known],
            is_answer=is_answer,
        )
        sdp = without_mismatched_ice(described, self.profile, is_answer=is_answer)
        if is_answer:
            offer = session.pending_local
            if offer is None:
                return sdp, used
            sdp, more = without_foreign_codecs(offer.sdp, sdp, self.profile.leniency)
            sdp, narrowed = with_allowed_directions(offer.sdp, sdp, self.profile.leniency)
            more = (*more, *narrowed)
        else:
            if any(section.has("pcfg") or section.has("acfg") for section in sdp.media):
                sdp = with_secure_configurations(sdp)
            sdp, more = without_unusable(
                sdp,
                profile=self.profile,
                live={s.mid for s in known if s.mid is not None and not s.rejected},
            )
        return sdp, (*used, *more)


def _needs_negotiation(session: Session, profile: Profile) -> bool:
    """Tell whether the application's wishes differ from what was agreed (webrtc-pc 4.7.3)."""
    if session.state is not SignalingState.STABLE:
        return False
    if session.data is not None and session.data.requested and session.data.mid is None:
        return True
    if session.ice_restart_is_due or session.due_rekey is not None:
        return True
    recyclable = session.recyclable_sections
    if any(
        index not in recyclable and _is_abandoned(session, section)
        for index, section in enumerate(session.layout)
    ):
        return True
    return any(_needs(session, profile, transceiver) for transceiver in session.transceivers)


def _is_abandoned(session: Session, section: MediaSection) -> bool:
    """Tell whether a live m-section has lost its transceiver: an ended one is in no session."""
    if session.transceiver_of(section.mid) is not None:
        return False
    return session.data is None or session.data.mid != section.mid


def _needs(session: Session, profile: Profile, transceiver: Transceiver) -> bool:
    if transceiver.mid is None or transceiver.stopping:
        return True
    local, remote = session.current_local, session.current_remote
    if local is None or remote is None:
        return True
    section = local.sdp.section(transceiver.mid)
    if section is None:
        return True
    wanted = wanted_direction(profile.capabilities, transceiver)
    if wanted.sends:
        described = {msid.stream for msid in section.msids} - {"-"}
        if described != set(transceiver.streams):
            return True
    ours = local.sdp.direction(section)
    theirs = _direction(remote.sdp, transceiver.mid)
    if local.type is SdpType.OFFER:
        return wanted not in (ours, theirs.reversed)
    return ours is not wanted.intersect(theirs.reversed)


def _direction(sdp: Sdp, mid: str) -> MediaDirection:
    section = sdp.section(mid)
    return MediaDirection.INACTIVE if section is None else sdp.direction(section)


def _described(session: Session) -> tuple[object, ...]:
    """List what an offer depends on, as it is after a rollback; candidates change none of it."""
    remote = (session.current_remote, session.pending_remote)
    return (
        session.state,
        session.current_local,
        session.pending_local,
        *(None if described is None else described.untrickled for described in remote),
    )
