"""Judges the certificates that a peer shows on one connection, before any media passes."""

from __future__ import annotations

import asyncio
from dataclasses import field
from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol, assert_never

from peer.errors import (
    DowngradeError,
    IdentityError,
    IdentityFault,
    PeerTrustError,
    TrustStoreError,
)
from peer.tasks import BackgroundTasks
from peer.trust.continuity import Action, Likeness, action, compare, vouching
from peer.trust.level import UNKNOWN_PEER, PeerTrust, TrustLevel
from peer.trust.peer_store import KnownPeer
from peer.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from peer.identity.fingerprints import Fingerprint
    from peer.identity.shown_certificate import ShownCertificate
    from peer.identity.voucher import Voucher
    from peer.trust.configuration import Trust
    from peer.trust.passport import SignedIdentity, Verifier

#: Certificates that are remembered of one connection, for the rekeys to come (ours).
_MAX_TAKEN = 64
#: Tries to write to the store while other processes write first (ours).
_MAX_RACES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerCertificateEvent:
    """A peer shows a certificate that it is not remembered by: media waits for a decision.

    Args:
        name: The name of the peer.
        known: SHA-256 fingerprint that it is remembered by; None at the first contact.
        shown: That of the certificate that it shows now.
    """

    name: str
    known: Fingerprint | None
    shown: Fingerprint
    decided: asyncio.Future[bool] = field(repr=False, compare=False)

    def accept(self) -> None:
        """Let media flow, and remember this certificate from now on."""
        if not self.decided.done():
            self.decided.set_result(True)

    def refuse(self) -> None:
        """End the connection, and leave what is remembered as it is."""
        if not self.decided.done():
            self.decided.set_result(False)


class Unsigned(Enum):
    """A description without a signature that was taken all the same."""

    #: Nobody has to sign it.
    TAKEN = auto()
    #: Its message has no place for one: the peer signs a later description (RFC 8862).
    SIGNED_LATER = auto()


class TrustEvents(Protocol):
    """The connection, as the gate sees it."""

    def on_peer_certificate(self, event: PeerCertificateEvent) -> bool:
        """Ask the application for a decision; False where it has nobody to ask."""

    def on_peer_judged(self, trust: PeerTrust, error: PeerTrustError | None) -> None:
        """Note what became of a certificate: who the peer is, or why it was refused."""


class TrustGate:
    """Judges each certificate that a peer shows, by authority, signature, continuity and phrase.

    Args:
        trust: What the application asks for.
        name: The name that the peer is remembered by, or that its certificate must have.
        events: The connection.
    """

    def __init__(self, trust: Trust, *, name: str | None, events: TrustEvents) -> None:
        self._trust = trust
        self._name = name
        self._events = events
        self._vouchers: Sequence[Voucher] = ()
        self._identity: SignedIdentity | None = None
        self._token = ""
        #: URIs of both ends, where signalling names them.
        self._local: str | None = None
        self._remote: str | None = None
        #: The last description was not signed, and a later one of the peer is to be.
        self._is_signature_due = False
        self._bad_signature: IdentityError | None = None
        self._signature_came = asyncio.Event()
        self._known: KnownPeer | None = None
        self._taken: dict[Fingerprint, PeerTrust] = {}
        self._shown: dict[Fingerprint, ShownCertificate] = {}
        #: Fingerprints whose phrase people have compared.
        self._compared: set[Fingerprint] = set()
        self._phrase_agreed = asyncio.Event()
        # Transports of one connection show one certificate: the second finds it known.
        self._one_at_a_time = asyncio.Lock()
        self._tasks = BackgroundTasks()

    def __repr__(self) -> str:
        return f"<TrustGate for {self._name!r}, {len(self._taken)} certificates>"

    def name_ends(self, *, local: str, remote: str) -> None:
        """Take the URIs of both ends from signalling, which names them for each call.

        Args:
            local: Ours, for which the peer has to sign.
            remote: The peer's, which has to sign.
        """
        self._local, self._remote = local, remote

    @property
    def origin(self) -> str | None:
        """The URI of who has signed the peer's last signed description; None without one."""
        return None if self._identity is None else self._identity.origin

    async def check_description(
        self, token: str | None, fingerprints: frozenset[Fingerprint]
    ) -> SignedIdentity | Unsigned:
        """Check the signature of a description of the peer, before anything changes.

        Args:
            token: The token beside it; None without one, and empty where its message has no place
                for one.
            fingerprints: All fingerprints of the description.

        Returns:
            Who signed it, or why nobody did.

        Raises:
            IdentityError: The signature is wrong, or missing where it has to be there.
        """
        verifier, before = self._trust.verifier, self._identity
        if verifier is None or not fingerprints:
            return Unsigned.TAKEN
        if token == "":
            return Unsigned.SIGNED_LATER
        if token is None:
            if before is not None or self._needs_signature:
                raise IdentityError(
                    "the description is not signed, and has to be", IdentityFault.MISSING
                )
            return Unsigned.TAKEN
        if before is not None and (token, fingerprints) == (self._token, before.fingerprints):
            # Signalling that broke brings the same description again.
            return before
        try:
            said = await self._verified(verifier, token, fingerprints)
        except IdentityError as error:
            # A certificate may wait for this signature.
            self._bad_signature = error
            self._signature_came.set()
            raise
        self._token = token
        return said

    async def _verified(
        self, verifier: Verifier, token: str, fingerprints: frozenset[Fingerprint]
    ) -> SignedIdentity:
        before = self._identity
        expected = self._remote if before is None else None
        said = await verifier.verify(token, fingerprints, audience=self._local, expected=expected)
        if before is not None and said.origin != before.origin:
            raise IdentityError(
                f"the description is signed by {said.origin}, and those before by {before.origin}"
            )
        return said

    async def check_no_certificate(self) -> None:
        """Check that a peer whose description has no fingerprint is not known by a certificate.

        Raises:
            DowngradeError: It is, so that it has one: somebody may have taken it out.
            TrustStoreError: What is remembered cannot be read.
        """
        store, name = self._trust.known_peers, self._name
        known = None if store is None or name is None else await store.lookup(name)
        if known is not None:
            raise DowngradeError(
                f"the description has no a=fingerprint, and {name!r} is known by "
                f"{known.fingerprint}"
            )

    def on_description(
        self, vouchers: Sequence[Voucher], identity: SignedIdentity | Unsigned
    ) -> None:
        """Note what came with a description of the peer that is being applied."""
        self._vouchers = tuple(vouchers)
        self._is_signature_due = identity is Unsigned.SIGNED_LATER
        self._bad_signature = None
        if isinstance(identity, Unsigned):
            return
        self._identity = identity
        self._signature_came.set()
        for shown in self._shown.values():
            before = self._taken[shown.fingerprint]
            raised = self._by_signature(shown, before)
            if raised != before:
                self._taken[shown.fingerprint] = raised
                self._events.on_peer_judged(raised, None)

    def judge(
        self, shown: ShownCertificate, decide: Callable[[PeerTrustError | None], None]
    ) -> None:
        """Judge a certificate that its description names and whose key the peer has shown.

        Args:
            shown: The certificate, from a complete handshake.
            decide: Called once, now or later: with None to let media pass, or with the reason why
                the peer is refused.
        """
        is_asked = self._trust.known_peers is not None or self._owes_signature(shown)
        if not is_asked and self._trust.require is not TrustLevel.PHRASE:
            # There is nothing to wait for, and a turn of the event loop would hold media up.
            try:
                trust = self._require(self._by_certificate(shown))
            except Exception as error:
                self._conclude(shown, UNKNOWN_PEER, self._refusal(error), decide)
            else:
                self._conclude(shown, trust, None, decide)
        else:
            self._tasks.spawn(self._judge(shown, decide), "judge a certificate")

    def trust_in(self, shown: Fingerprint | None) -> PeerTrust:
        """Tell who the peer is that shows a certificate, and what says so.

        Args:
            shown: SHA-256 fingerprint of the certificate.
        """
        return UNKNOWN_PEER if shown is None else self._taken.get(shown, UNKNOWN_PEER)

    async def confirm_phrase(self, compared: Collection[Fingerprint]) -> None:
        """Note that people have compared the phrase that belongs to a certificate, and it agrees.

        Args:
            compared: The peer's fingerprints that the phrase was made of.

        Raises:
            TrustStoreError: The store cannot be written; the phrase counts for this connection.
        """
        self._compared = set(compared)
        self._phrase_agreed.set()
        for shown in self._compared & self._taken.keys():
            self._taken[shown] = _raised(self._taken[shown], TrustLevel.PHRASE)
        await self._confirm_known()

    async def close(self) -> None:
        """Give up what is undecided."""
        await self._tasks.close()

    async def _judge(
        self, shown: ShownCertificate, decide: Callable[[PeerTrustError | None], None]
    ) -> None:
        trust, refusal = UNKNOWN_PEER, None
        try:
            async with asyncio.timeout(self._trust.decision_timeout), self._one_at_a_time:
                await self._wait_for_signature(shown)
                trust = self._by_certificate(shown)
                if self._trust.require.reaches(TrustLevel.SIGNATURE):
                    # Who does not reach it is not remembered either.
                    self._require(trust)
                trust = await self._by_continuity(shown, trust)
                trust = await self._by_phrase(shown, trust)
                trust = self._require(trust)
        except TimeoutError:
            waited = f"{self._trust.decision_timeout:.0f} s"
            if self._owes_signature(shown):
                refusal = self._error(f"the peer has not signed its answer within {waited}")
            else:
                refusal = self._error(
                    f"nobody has decided on the peer's certificate within {waited}"
                )
        except Exception as error:
            refusal = self._refusal(error)
        self._conclude(shown, trust, refusal, decide)

    def _conclude(
        self,
        shown: ShownCertificate,
        trust: PeerTrust,
        refusal: PeerTrustError | None,
        decide: Callable[[PeerTrustError | None], None],
    ) -> None:
        if refusal is None:
            self._taken.pop(shown.fingerprint, None)
            self._taken[shown.fingerprint] = trust
            self._shown[shown.fingerprint] = shown
            if len(self._taken) > _MAX_TAKEN:
                oldest = next(iter(self._taken))
                del self._taken[oldest], self._shown[oldest]
        self._events.on_peer_judged(trust, refusal)
        decide(refusal)

    def _by_certificate(self, shown: ShownCertificate) -> PeerTrust:
        """Judge by what the certificate and its description say themselves."""
        authority = self._trust.authority
        trust = UNKNOWN_PEER if self._name is None else PeerTrust(name=self._name)
        trust = self._by_signature(shown, trust)
        if authority is not None:
            chain = authority.verify(shown.der, shown.chain, name=self._name)
            name = self._name or next(iter(chain.names), None)
            trust = PeerTrust(name=name, level=TrustLevel.AUTHORITY)
        return trust

    def _by_signature(self, shown: ShownCertificate, trust: PeerTrust) -> PeerTrust:
        identity = self._identity
        if identity is None or not shown.is_among(identity.fingerprints):
            return trust
        name = self._name or trust.name or identity.origin
        return replace(_raised(trust, TrustLevel.SIGNATURE), name=name)

    def _owes_signature(self, shown: ShownCertificate) -> bool:
        """Tell whether the peer has yet to sign for a certificate before its media may pass."""
        identity = self._identity
        if not self._is_signature_due or not (self._needs_signature or identity is not None):
            return False
        return identity is None or not shown.is_among(identity.fingerprints)

    async def _wait_for_signature(self, shown: ShownCertificate) -> None:
        if not self._owes_signature(shown):
            return
        while self._owes_signature(shown):
            if self._bad_signature is not None:
                raise self._error(str(self._bad_signature))
            self._signature_came.clear()
            await self._signature_came.wait()
        identity = self._identity
        if identity is None or not shown.is_among(identity.fingerprints):
            # One in the middle has passed on what the peer has signed for itself.
            raise self._error("the peer has signed for another certificate than it shows")

    async def _by_continuity(self, shown: ShownCertificate, trust: PeerTrust) -> PeerTrust:
        store, name = self._trust.known_peers, self._name
        if store is None or name is None:
            return self._inherited(shown, trust)
        for _ in range(_MAX_RACES):
            known = self._known = await store.lookup(name)
            likeness = compare(known, shown.fingerprint, self._vouchers, taken=self._taken)
            decided = action(likeness, self._trust.continuity)
            was_asked = decided is Action.ASK
            if was_asked:
                decided = await self._ask(name, known, shown)
            match decided:
                case Action.TAKE:
                    return self._known_by(likeness, shown, trust)
                case Action.REMEMBER:
                    if likeness is Likeness.FIRST and not was_asked:
                        # Remembered now, whoever it is would be known at its next try.
                        trust = self._require(await self._by_phrase(shown, trust))
                    confirmed = self._is_compared(shown) or (
                        likeness is Likeness.RENEWED and known is not None and known.confirmed
                    )
                    peer = KnownPeer(fingerprint=shown.fingerprint, confirmed=confirmed)
                    if await self._remember(peer, former=known):
                        by_asking = _raised(trust, TrustLevel.KNOWN) if was_asked else trust
                        return self._known_by(likeness, shown, by_asking)
                case Action.REFUSE:
                    raise self._unknown(known, shown)
                case Action.ASK:
                    raise AssertionError("it was asked")
                case never:
                    assert_never(never)
        raise self._error("the store of known peers changes all the time")

    async def _remember(self, peer: KnownPeer, *, former: KnownPeer | None) -> bool:
        store, name = self._trust.known_peers, self._name
        if store is None or name is None or not await store.remember(name, peer, former=former):
            return False
        self._known = peer
        return True

    async def _confirm_known(self) -> None:
        """Remember that people have compared the phrase, where it is that of whom is remembered."""
        store, name = self._trust.known_peers, self._name
        if store is None or name is None:
            return
        for _ in range(_MAX_RACES):
            known = self._known
            if known is None or known.confirmed or known.fingerprint not in self._compared:
                return
            if await self._remember(replace(known, confirmed=True), former=known):
                return
            self._known = await store.lookup(name)
        raise TrustStoreError("the store of known peers changes all the time")

    def _known_by(self, likeness: Likeness, shown: ShownCertificate, trust: PeerTrust) -> PeerTrust:
        match likeness:
            case Likeness.SAME | Likeness.RENEWED:
                confirmed = self._known is not None and self._known.confirmed
                level = TrustLevel.PHRASE if confirmed else TrustLevel.KNOWN
                return _raised(trust, level)
            case Likeness.FOR_THIS_CONNECTION:
                return self._inherited(shown, trust)
            case Likeness.FIRST | Likeness.CHANGED:
                # It was remembered just now: unless the application knew it, anybody may be there.
                return replace(trust, first_contact=True)
            case never:
                assert_never(never)

    def _inherited(self, shown: ShownCertificate, trust: PeerTrust) -> PeerTrust:
        """Give a certificate for this connection the trust in the one that vouches for it."""
        before = vouching(self._taken, shown.fingerprint, self._vouchers)
        if before is None:
            return trust
        given = self._taken[before]
        by_key = (TrustLevel.KNOWN, TrustLevel.PHRASE)
        level = given.level if given.level in by_key else TrustLevel.NOTHING
        return replace(_raised(trust, level), first_contact=given.first_contact)

    async def _ask(self, name: str, known: KnownPeer | None, shown: ShownCertificate) -> Action:
        if self._is_compared(shown):
            return Action.REMEMBER
        decided: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        event = PeerCertificateEvent(
            name=name,
            known=None if known is None else known.fingerprint,
            shown=shown.fingerprint,
            decided=decided,
        )
        if not self._events.on_peer_certificate(event) and not self._trust.phrase:
            return Action.REFUSE
        # Two people who find that a phrase agrees have decided as well.
        phrase = asyncio.ensure_future(self._wait_for_phrase(shown))
        try:
            await asyncio.wait((decided, phrase), return_when=asyncio.FIRST_COMPLETED)
        finally:
            phrase.cancel()
        taken = decided.result() if decided.done() else self._is_compared(shown)
        return Action.REMEMBER if taken else Action.REFUSE

    async def _by_phrase(self, shown: ShownCertificate, trust: PeerTrust) -> PeerTrust:
        needed = self._trust.require is TrustLevel.PHRASE
        if needed and not trust.level.reaches(TrustLevel.PHRASE):
            await self._wait_for_phrase(shown)
        if not self._is_compared(shown):
            return trust
        # It may have been compared while the store was being written.
        await self._confirm_known()
        return _raised(trust, TrustLevel.PHRASE)

    async def _wait_for_phrase(self, shown: ShownCertificate) -> None:
        while not self._is_compared(shown):
            self._phrase_agreed.clear()
            await self._phrase_agreed.wait()

    def _is_compared(self, shown: ShownCertificate) -> bool:
        return shown.is_among(self._compared)

    @property
    def _needs_signature(self) -> bool:
        return self._trust.require is TrustLevel.SIGNATURE and self._trust.authority is None

    def _require(self, trust: PeerTrust) -> PeerTrust:
        if trust.level.reaches(self._trust.require):
            return trust
        raise self._error(
            f"the peer is known by {trust.level.value}, and {self._trust.require.value} is required"
        )

    def _unknown(self, known: KnownPeer | None, shown: ShownCertificate) -> PeerTrustError:
        if known is None:
            return self._error(f"the peer {self._name!r} is not known: {shown.fingerprint}")
        return self._error(
            f"the peer {self._name!r} shows another certificate than the one that it is known by: "
            f"{shown.fingerprint}, and not {known.fingerprint}"
        )

    def _refusal(self, error: Exception) -> PeerTrustError:
        """Make the refusal of an error: a peer is not trusted because its judge failed."""
        match error:
            case PeerTrustError():
                return error
            case TrustStoreError():
                return self._error(str(error))
            case _:
                refusal = self._error(f"the peer's certificate cannot be judged: {error!r}")
                refusal.__cause__ = error
                return refusal

    def _error(self, reason: str) -> PeerTrustError:
        return PeerTrustError(reason, name=self._name)


def _raised(trust: PeerTrust, level: TrustLevel) -> PeerTrust:
    return trust if trust.level.reaches(level) else replace(trust, level=level)
