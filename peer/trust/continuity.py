"""Judges a certificate by the one that its peer is remembered by (RFC 5763 section 8.4). PURE."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from peer.identity.voucher import VoucherPurpose, followed
from peer.trust.configuration import Continuity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peer.identity.fingerprints import Fingerprint
    from peer.identity.voucher import Voucher
    from peer.trust.peer_store import KnownPeer

_RENEWAL = VoucherPurpose.RENEWAL


class Likeness(Enum):
    """Relation of a certificate to the one that its peer is remembered by."""

    SAME = auto()
    RENEWED = auto()
    FOR_THIS_CONNECTION = auto()
    FIRST = auto()
    CHANGED = auto()


class Action(Enum):
    """Treatment of a certificate, by its likeness and the policy."""

    TAKE = auto()
    REMEMBER = auto()
    ASK = auto()
    REFUSE = auto()


def compare(
    known: KnownPeer | None,
    shown: Fingerprint,
    vouchers: Iterable[Voucher],
    *,
    taken: Iterable[Fingerprint] = (),
) -> Likeness:
    """Compare a certificate with what is remembered of its peer.

    Args:
        known: What is remembered; None at the first contact.
        shown: SHA-256 fingerprint of the certificate.
        vouchers: Those that came with its description.
        taken: The certificates that were taken on this connection before.
    """
    if known is not None and shown == known.fingerprint:
        return Likeness.SAME
    vouchers = tuple(vouchers)
    if known is not None and followed(known.fingerprint, shown, vouchers) is _RENEWAL:
        return Likeness.RENEWED
    # A voucher for one connection says nothing at the beginning of another.
    if vouching(taken, shown, vouchers) is not None:
        return Likeness.FOR_THIS_CONNECTION
    return Likeness.FIRST if known is None else Likeness.CHANGED


def vouching(
    taken: Iterable[Fingerprint], shown: Fingerprint, vouchers: Iterable[Voucher]
) -> Fingerprint | None:
    """Find the certificate of this connection that a certificate is, or follows; None for none.

    Args:
        taken: SHA-256 fingerprints of those that were taken before.
        shown: That of the certificate.
        vouchers: Those that came with its description.
    """
    vouchers = tuple(vouchers)
    return next((each for each in taken if followed(each, shown, vouchers)), None)


def action(likeness: Likeness, policy: Continuity) -> Action:
    """Choose the treatment of a certificate."""
    match likeness, policy:
        case ((Likeness.SAME | Likeness.FOR_THIS_CONNECTION), _):
            return Action.TAKE
        case Likeness.RENEWED, _:
            return Action.REMEMBER
        case _, Continuity.STRICT:
            return Action.REFUSE
        case Likeness.FIRST, Continuity.REMEMBER:
            return Action.REMEMBER
        case _:
            return Action.ASK
