"""Owns why there is no path to the peer, in one sentence that says what was tried. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from peer.errors import IceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.candidates import CandidateFields
    from peer.transport.ice.gathering import ServerFailure


def no_path(
    *,
    patience: float,
    local: Sequence[CandidateFields],
    remote: Sequence[CandidateFields],
    checks_sent: int,
    checks_refused: int,
    checks_received: int,
    failures: Sequence[ServerFailure],
) -> IceError:
    """No check succeeded in time.

    Args:
        patience: The time, in seconds.
        local: Our candidates.
        remote: The peer's, signalled or revealed by its checks.
        checks_sent: Ours, without retransmissions.
        checks_refused: Those that were answered with an error.
        checks_received: The peer's, authenticated.
        failures: The servers that gave no candidate.
    """
    answered = "none was answered"
    if checks_refused:
        answered = f"{checks_refused} answered with an error, none with success"
    tried = [
        f"no check has succeeded within {patience:g} s",
        f"we have {_kinds(local)}, the peer {_kinds(remote)}",
        f"of {_counted(checks_sent, 'check')} that we sent {answered}",
        f"{_counted(checks_received, 'check')} of the peer's came",
    ]
    tried += [
        f"{each.server.host}:{each.server.port} gave no candidate: {each.reason}"
        for each in failures
    ]
    return IceError("; ".join(tried))


def consent_expired(patience: float) -> IceError:
    """RFC 7675 section 5.1: `patience` seconds have passed without an answer."""
    return IceError(
        f"the peer's consent to be sent to has expired: it answered no check for {patience:g} s"
    )


def consent_withdrawn() -> IceError:
    """RFC 7675 section 5.2: the peer has answered 403."""
    return IceError("the peer has withdrawn its consent to be sent to")


def _kinds(candidates: Sequence[CandidateFields]) -> str:
    if not candidates:
        return "no candidates"
    counts = Counter(candidate.type for candidate in candidates)
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    return f"{_counted(len(candidates), 'candidate')} ({kinds})"


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
