"""Owns what a later description does to an association (RFC 5763 section 6.6, RFC 8842)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.negotiation.session import RemoteTransport


@dataclass(frozen=True, slots=True)
class Reuse:
    """The association goes on: nothing that makes it has changed."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The change cannot be followed: the description is refused, the session goes on."""

    reason: str


Verdict = Reuse | Refuse


def assess(before: RemoteTransport, after: RemoteTransport) -> Verdict:
    """Judge a later description of the peer against the one in force.

    A changed `a=setup` alone is not believed: Firefox writes it and keeps its association.
    """
    if set(before.fingerprints) != set(after.fingerprints):
        return Refuse("a new fingerprint asks for a new association, which is not supported yet")
    # RFC 8842 section 4: a description without tls-id says nothing of the association.
    if None not in (before.tls_id, after.tls_id) and before.tls_id != after.tls_id:
        return Refuse("a new tls-id asks for a new DTLS association, which is not supported yet")
    if before.ice != after.ice:
        return Refuse("an ICE restart is not supported yet")
    return Reuse()
