"""Trust in the other ends of a command's calls: its options, and the configurations they make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from peer import Certificate, ConfigurationError, PeerConfiguration
from peer.trust import Continuity, KnownPeers, PeerTrust, Phrase, Trust, TrustLevel
from peer.values import dataclass

if TYPE_CHECKING:
    from pathlib import Path

    from peer import IceServer


class TrustOptionsError(Exception):
    """A file of these options cannot be used; the text is one sentence for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustOptions:
    """Options of a command for who the other ends are, and how they know us.

    Args:
        certificate: PEM file of our certificate, made where it is missing; None for a fresh one
            for each call.
        known_peers: SQLite file of peers by their names; a new one is remembered, and one that
            shows another certificate is refused.
        phrases: Make a phrase with each, for two people to compare.
    """

    certificate: Path | None = None
    known_peers: Path | None = None
    phrases: bool = False

    @property
    def asks(self) -> bool:
        """True where the other end is looked at."""
        return self.known_peers is not None or self.phrases


#: Options of a command that asks nothing: each call has a certificate of its own.
NO_DEMANDS: Final = TrustOptions()


class CallTrust:
    """Configurations of the calls of one command, with its certificate and its known peers.

    Args:
        options: Options of the command.

    Raises:
        TrustOptionsError: A file cannot be used.
    """

    def __init__(self, options: TrustOptions) -> None:
        self.options = options
        try:
            certificate = options.certificate
            own = None if certificate is None else Certificate.load_or_generate(certificate)
            store = None if options.known_peers is None else KnownPeers(options.known_peers)
        except (ConfigurationError, OSError) as error:
            raise TrustOptionsError(f"{error}.") from error
        self._certificates = () if own is None else (own,)
        self._trust = None
        if options.asks:
            self._trust = Trust(
                known_peers=store, continuity=Continuity.REMEMBER, phrase=options.phrases
            )

    def __repr__(self) -> str:
        return f"<CallTrust {self.options}>"

    def configuration(self, name: str, ice_servers: tuple[IceServer, ...]) -> PeerConfiguration:
        """Configure the connection to somebody.

        Args:
            name: The name that it is remembered by; where it is empty, it cannot be.
            ice_servers: STUN and TURN servers.
        """
        return PeerConfiguration(
            iceServers=ice_servers,
            certificates=self._certificates,
            trust=self._trust,
            peer_name=name or None if self._trust is not None else None,
        )


def verdict(name: str, trust: PeerTrust) -> str:
    """Say in one sentence who somebody is, and by what."""
    match trust.level:
        case TrustLevel.NOTHING if trust.first_contact:
            return f"{name} was not known before, and is remembered by its certificate."
        case TrustLevel.NOTHING:
            return f"Nothing but the server says that this is {name}."
        case TrustLevel.KNOWN:
            return f"{name} shows the certificate that it is known by."
        case TrustLevel.PHRASE:
            return f"{name} shows the certificate whose phrase was compared."
        case TrustLevel.SIGNATURE | TrustLevel.AUTHORITY:
            return f"{name} is known by {trust.level.value}."
        case never:
            assert_never(never)


def phrase_line(name: str, phrase: Phrase) -> str:
    """Write the phrase with somebody, in words where they are installed."""
    try:
        return f"The phrase with {name}: {phrase} ({phrase.digits})"
    except ConfigurationError:
        return f"The phrase with {name}: {phrase.digits}"
