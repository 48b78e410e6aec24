"""Owns what a later description does to an association (RFC 5763 section 6.6, RFC 8842 section 3).

RFC 8842 section 3.1 asks for a new association where an exchange changes the DTLS roles, where it
modifies the set of fingerprints of either end, in the offer or in the answer, and where either end
changes its `tls-id`. Section 3.3: an ICE restart by itself asks for none.

A peer that sends no `tls-id` is judged by what real ones do:

* Its own fingerprints count as above.
* A change of ours alone decides nothing: Chromium follows it, Firefox, Pion, libdatachannel, werift
  and GStreamer take the description and keep their association. Only the wire shows which.
* A flipped `a=setup` alone is not believed: Firefox writes it and keeps its association.

So is one that answers our new `tls-id` with its old one: whoever follows RFC 8842 answers with a
new one (section 5.3), and libdatachannel goes on to copy the first one that it was sent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from peer.ice_parameters import IceParameters
    from peer.negotiation.transports import AssociationTerms, RemoteIdentity
    from peer.states import DtlsRole


@dataclass(frozen=True, slots=True)
class Reuse:
    """The association goes on: nothing that makes it has changed."""


@dataclass(frozen=True, slots=True)
class NewAssociation:
    """The exchange asks for a new association."""

    reason: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """The exchange asks for a new association of a peer that may not care."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """The change cannot be followed: the description is refused, the session goes on."""

    reason: str


Verdict = Reuse | NewAssociation | Undecided
OfferVerdict = Reuse | NewAssociation | Refuse


def assess(before: AssociationTerms, after: AssociationTerms) -> Verdict:
    """Judge a whole exchange against the association that there is.

    Args:
        before: What was settled.
        after: What the exchange says: our half, the peer's half, and the role that they resolve to.
    """
    ours = tuple(_changes_of_ours(before, after))
    theirs = tuple(_changes_of_theirs(before, after))
    if _is_modern(after) and (theirs or not ours):
        roles = () if after.role is before.role else ("the DTLS role",)
        changes = (*ours, *theirs, *roles)
        return NewAssociation(_sentence(changes)) if changes else Reuse()
    if theirs:
        return NewAssociation(_sentence((*ours, *theirs)))
    return Undecided(_sentence(ours)) if ours else Reuse()


def assess_offer(
    before: AssociationTerms, offered: RemoteIdentity, role: DtlsRole | None
) -> OfferVerdict:
    """Judge the peer's offer, to which our answer is still to come.

    Args:
        before: What was settled.
        offered: Who the peer says it is.
        role: The one that the offer leaves to us, or None where we may choose.
    """
    after = replace(before, remote=offered)
    changes = tuple(_changes_of_theirs(before, after))
    if changes:
        return NewAssociation(_sentence(changes))
    if role not in (None, before.role) and _is_modern(after):
        # RFC 8842 section 5.2: without a new association an offer has the current role or actpass.
        return Refuse("the offer takes our DTLS role and asks for no new association by its tls-id")
    return Reuse()


def is_restart(before: IceParameters, after: IceParameters) -> bool:
    """Whether credentials are of another ICE generation.

    RFC 8839 section 4.4.3: "a change in the 'ice-ufrag' or 'ice-pwd' attributes".
    """
    was = before.username_fragment, before.password
    return was != (after.username_fragment, after.password)


def _is_modern(terms: AssociationTerms) -> bool:
    return terms.remote is not None and terms.remote.tls_id is not None


def _changes_of_ours(before: AssociationTerms, after: AssociationTerms) -> Iterator[str]:
    if set(before.local.fingerprints) != set(after.local.fingerprints):
        yield "our fingerprint"
    if before.local.tls_id != after.local.tls_id:
        yield "our tls-id"


def _changes_of_theirs(before: AssociationTerms, after: AssociationTerms) -> Iterator[str]:
    was, now = before.remote, after.remote
    if was is None or now is None:
        return
    if set(was.fingerprints) != set(now.fingerprints):
        yield "the peer's fingerprint"
    # RFC 8842 section 4: a description without tls-id says nothing of the association.
    if None not in (was.tls_id, now.tls_id) and was.tls_id != now.tls_id:
        yield "the peer's tls-id"


def _sentence(changes: Sequence[str]) -> str:
    *others, last = changes
    listed = f"{', '.join(others)} and {last}" if others else last
    return f"{listed} changed"
