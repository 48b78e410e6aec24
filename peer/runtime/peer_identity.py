"""Joins a connection with what says who its peer is: signatures, vouchers, phrases, known peers."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Protocol

from peer.descriptions import SdpType
from peer.errors import ConfigurationError, InvalidStateError, PhraseError
from peer.events import EventName, PhraseEvent, PhraseMessageEvent
from peer.identity.fingerprints import Fingerprint
from peer.identity.voucher import MAX_VOUCHERS, Voucher, VoucherPurpose
from peer.negotiation.keying import asks_for_no_certificate
from peer.negotiation.sdp.description import Sdp
from peer.negotiation.sdp.lines import Line
from peer.negotiation.session import Side
from peer.trust.gate import TrustGate, Unsigned
from peer.trust.names import canonical
from peer.trust.phrase import PhraseEnds
from peer.trust.phrase_exchange import ATTRIBUTE as PHRASE_ATTRIBUTE
from peer.trust.phrase_exchange import VERSION, PhraseExchange
from peer.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from peer.configuration import PeerConfiguration
    from peer.descriptions import SessionDescription
    from peer.errors import PeerTrustError
    from peer.events import ConnectionEmitter
    from peer.identity.certificate import CertificateStore
    from peer.negotiation.offer_answer import Plan
    from peer.negotiation.session import Session
    from peer.runtime.connection_tap import ConnectionTap
    from peer.transport.context import PeerJudge
    from peer.trust import PeerCertificateEvent, PeerTrust, Phrase, SignedIdentity

#: Attribute of the session part: a voucher of a former certificate for the one that is named.
#: Others pass it over (RFC 8866 section 5.13).
VOUCHER_ATTRIBUTE = "handfast-voucher"
_FINGERPRINT = "a=fingerprint:"


class PeerIdentityHost(Protocol):
    """The connection, as it is told of who its peer is."""

    events: ConnectionEmitter

    @property
    def session(self) -> Session:
        """The session as it stands."""

    @property
    def closed(self) -> bool:
        """Tell whether `close` was called."""

    @property
    def tap(self) -> ConnectionTap | None:
        """The tap where a sink or a logger takes events now."""

    def wake(self) -> None:
        """Let all who wait for something look again."""


class PeerIdentity:
    """Identities of the two ends of a connection, as it knows and shows them.

    Args:
        configuration: That of the connection.
        certificates: Its own certificates, with their vouchers.
        host: The connection.
    """

    def __init__(
        self,
        configuration: PeerConfiguration,
        certificates: CertificateStore,
        host: PeerIdentityHost,
    ) -> None:
        trust = configuration.trust_asked
        self._signer = None if trust is None else trust.signer
        self._certificates = certificates
        self._host = host
        self._gate: TrustGate | None = None
        self._phrases: PhraseExchange | None = None
        if trust is not None:
            self._gate = TrustGate(trust, name=configuration.peer_name, events=self)
            self._phrases = PhraseExchange(secrets.token_bytes) if trust.phrase else None
        # One token for each description: it is read often, and sent once.
        self._signed_origin, self._token = "", ""
        self._local: str | None = None
        self._remote: str | None = None

    def __repr__(self) -> str:
        return f"<PeerIdentity {self._gate!r} {self._phrases!r}>"

    def name_ends(self, *, local: str, remote: str) -> None:
        """Take the URIs of both ends from signalling, which names them for each call.

        Raises:
            ConfigurationError: We sign as somebody else than `local`.
        """
        if self._signer is not None and self._signer.origin != canonical(local):
            raise ConfigurationError(
                f"the Signer signs as {self._signer.origin}, and this end is {local}"
            )
        self._local, self._remote = local, remote
        if self._gate is not None:
            self._gate.name_ends(local=local, remote=remote)

    def name_ends_as(self, other: PeerIdentity) -> None:
        """Take the URIs of both ends from the identity of another connection, whose fork it is."""
        ends = (other._local, other._remote)
        if ends[0] is not None and ends[1] is not None:
            self.name_ends(local=ends[0], remote=ends[1])

    @property
    def judge(self) -> PeerJudge | None:
        """Judge of the certificates of the peer; None where nothing is asked of it."""
        return self._gate

    def attest(self, sdp: Sdp, offer: Sdp | None) -> Sequence[Line]:
        """Give the lines that a description of ours has for the peer to know us by.

        Args:
            sdp: The description without these lines.
            offer: The peer's offer, where it is an answer.
        """
        ours = fingerprints(sdp)
        # One for a rekey says something to a peer that knows RFC 8842 alone; and Janus 1.1 cuts
        # descriptions of more than 8 KiB.
        lines = [
            Line.attribute(VOUCHER_ATTRIBUTE, voucher)
            for voucher in self._certificates.vouchers_for(ours)
            if voucher.purpose is VoucherPurpose.RENEWAL or self._peer_has_tls_id(offer)
        ]
        if self._phrases is None:
            return lines
        if offer is None:
            return [*lines, Line.attribute(PHRASE_ATTRIBUTE, VERSION)]
        if not offer.session.has(PHRASE_ATTRIBUTE):
            return lines
        ends = PhraseEnds(offerer=fingerprints(offer), answerer=ours)
        return [*lines, Line.attribute(PHRASE_ATTRIBUTE, self._phrases.answer_value(ends))]

    def _peer_has_tls_id(self, offer: Sdp | None) -> bool:
        described = self._host.session.description(Side.REMOTE)
        sdp = described.sdp if offer is None and described is not None else offer
        return sdp is not None and any(map(sdp.transport_tls_id, sdp.media))

    def signed(self, description: SessionDescription) -> SessionDescription:
        """Give a description of ours the token that vouches for it, where we sign."""
        if self._signer is None:
            return description
        # The version in `o=` is another one for each description that is made, and read often.
        origin = description.sdp.partition("o=")[2].partition("\r\n")[0]
        if self._signed_origin != origin:
            found = own_fingerprints(description.sdp)
            # Who answers in place of the one that was called is the one to sign for.
            signed_by = None if self._gate is None else self._gate.origin
            token = self._signer.sign(found, destination=signed_by or self._remote) if found else ""
            self._signed_origin, self._token = origin, token
        return replace(description, identity=self._token) if self._token else description

    async def check(self, plan: Plan, token: str | None) -> SignedIdentity | Unsigned:
        """Check the signature of a description of the peer that is planned.

        Raises:
            IdentityError: It is wrong, or missing where it has to be there; nothing has changed.
            DowngradeError: The description shows no certificate, and the peer is known by one.
        """
        described = plan.next.description(Side.REMOTE)
        if self._gate is None or described is None:
            return Unsigned.TAKEN
        if asks_for_no_certificate(described.sdp):
            await self._gate.check_no_certificate()
        return await self._gate.check_description(token, fingerprints(described.sdp))

    def on_description(
        self, side: Side, session: Session, identity: SignedIdentity | Unsigned
    ) -> None:
        """Note a description that has been applied, before its effects are carried out.

        Args:
            side: The end that made it.
            session: The session with it.
            identity: Who signed it, where it is the peer's, or why nobody did.
        """
        remote, local = session.description(Side.REMOTE), session.description(Side.LOCAL)
        if self._gate is not None and side is Side.REMOTE and remote is not None:
            self._gate.on_description(tuple(_vouchers(remote.sdp)), identity)
        if self._phrases is None or remote is None or local is None:
            return
        if (local if side is Side.LOCAL else remote).type is SdpType.OFFER:
            return
        we_offered = side is Side.REMOTE
        ours, theirs = fingerprints(local.sdp), fingerprints(remote.sdp)
        ends = (
            PhraseEnds(offerer=ours, answerer=theirs)
            if we_offered
            else PhraseEnds(offerer=theirs, answerer=ours)
        )
        value = remote.sdp.session.attribute(PHRASE_ATTRIBUTE)
        self._go_on(self._phrases, self._phrases.begin(ends, we_offered=we_offered, value=value))

    @property
    def phrase(self) -> Phrase | None:
        """The phrase of the certificates in use; None before it is known.

        Raises:
            InvalidStateError: The configuration asks for none.
            PhraseError: There will be none.
        """
        return self._exchange.phrase

    def receive_phrase_message(self, message: str) -> None:
        """Take a message of the peer for the phrase.

        Raises:
            InvalidStateError: The configuration asks for no phrase.
            PhraseError: It is malformed, or somebody looks for a phrase that agrees.
        """
        exchange = self._exchange
        try:
            self._go_on(exchange, exchange.receive(message))
        except PhraseError:
            self._host.wake()
            raise

    async def confirm_phrase(self, phrase: Phrase) -> None:
        """Note that two people have compared the phrase, and it agrees.

        Args:
            phrase: What they have compared.

        Raises:
            InvalidStateError: There is no phrase yet, or the configuration asks for none.
            PhraseError: The certificates in use have another phrase.
            TrustStoreError: The peer cannot be remembered.
        """
        exchange = self._exchange
        if exchange.phrase is None or self._gate is None:
            raise InvalidStateError("there is no phrase to confirm yet")
        if exchange.phrase != phrase:
            # Who comes in at a rekey would be confirmed by people who compared the one before.
            raise PhraseError(
                "the certificates have changed since this phrase was shown: compare the new one"
            )
        await self._gate.confirm_phrase(exchange.theirs)

    async def close(self) -> None:
        """Give up what is undecided."""
        if self._gate is not None:
            await self._gate.close()

    @property
    def _exchange(self) -> PhraseExchange:
        if self._phrases is None:
            raise InvalidStateError("a phrase needs PeerConfiguration(trust=Trust(phrase=True))")
        return self._phrases

    def on_peer_certificate(self, event: PeerCertificateEvent) -> bool:
        """Fire the event `peercertificate`; False where nothing handles it."""
        host = self._host
        return not host.closed and host.events.emit(EventName.PEER_CERTIFICATE, event)

    def on_peer_judged(self, trust: PeerTrust, error: PeerTrustError | None) -> None:
        """Trace who the peer is, or why it was refused."""
        if (tap := self._host.tap) is not None:
            tap.peer_judged(trust, error)

    def _go_on(self, exchange: PhraseExchange, message: str | None) -> None:
        """Tell of what an exchange has come to, in a later turn: first the description is sent."""
        later = asyncio.get_running_loop().call_soon
        if message is not None:
            later(self._host.events.emit, EventName.PHRASE_MESSAGE, PhraseMessageEvent(message))
        try:
            phrase = exchange.phrase
        except PhraseError:
            # Raised where the phrase is asked for.
            self._host.wake()
            return
        if phrase is not None:
            later(self._host.events.emit, EventName.PHRASE, PhraseEvent(phrase))
            self._host.wake()


def fingerprints(sdp: Sdp) -> frozenset[Fingerprint]:
    """Collect all fingerprints of a description, of the m-sections that are not rejected."""
    live = (section for section in sdp.media if not section.rejected or section.bundle_only)
    return frozenset(each for section in live for each in sdp.transport_fingerprints(section))


def own_fingerprints(text: str) -> frozenset[Fingerprint]:
    """Collect all fingerprints of a description of ours, without reading the rest of it.

    We write them in m-sections, and each has its own: but for one that is rejected, which has none
    that counts.
    """
    session, *media = text.split("\r\nm=")
    if _FINGERPRINT in session or any(section.split(" ", 2)[1] == "0" for section in media):
        return fingerprints(Sdp.parse(text))
    lines = {line for line in text.split("\r\n") if line.startswith(_FINGERPRINT)}
    return frozenset(Fingerprint.parse(line.removeprefix(_FINGERPRINT)) for line in lines)


def _vouchers(sdp: Sdp) -> Iterator[Voucher]:
    """Read the vouchers of a description, as many as are looked at; what is none is passed over."""
    for line in sdp.session.attributes(VOUCHER_ATTRIBUTE)[:MAX_VOUCHERS]:
        try:
            yield Voucher.parse(line.argument)
        except ValueError:
            continue
