"""Words the errors of ICE: no path to the peer, consent expired or withdrawn. PURE."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from peer.errors import IceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.ice import CandidateFields
    from peer.times import Seconds
    from peer.transport.ice.servers import ServerFailure


def no_path(
    *,
    timeout: Seconds,
    local: Sequence[CandidateFields],
    remote: Sequence[CandidateFields],
    checks_sent: int,
    checks_refused: int,
    checks_received: int,
    checks_contended: int,
    failures: Sequence[ServerFailure],
    has_answered: bool = False,
) -> IceError:
    """Make the error that no connectivity check succeeded in time, with what was tried.

    Args:
        timeout: Time that the first valid pair was waited for.
        local: Our candidates.
        remote: The peer's candidates, signalled or peer-reflexive.
        checks_sent: Our checks, without retransmissions.
        checks_refused: Our checks that were answered with an error.
        checks_received: Authenticated checks of the peer.
        checks_contended: Checks and answers that came from the peer of another connection.
        failures: Servers that did not serve.
        has_answered: We answered, and the peer has not shown that it has the answer.
    """
    answered = "none was answered"
    if checks_refused:
        answered = f"{checks_refused} answered with an error, none with success"
    tried = [
        f"no check has succeeded within {timeout:g} s",
        f"we have {_kinds(local)}, the peer {_kinds(remote)}",
        f"of {_counted(checks_sent, 'check')} that we sent {answered}",
        f"{_counted(checks_received, 'check')} of the peer's came",
    ]
    if has_answered:
        tried.append("our answer may not have reached it")
    if checks_contended:
        tried.append(
            f"{_counted(checks_contended, 'check')} came from an address that is the peer of "
            "another connection on the same port of ours (one_port)"
        )
    tried += [f"{each.url} did not serve: {each.reason}" for each in failures]
    return IceError("; ".join(tried))


def consent_expired(expiry: Seconds) -> IceError:
    """Make the error that no check was answered for `expiry` seconds (RFC 7675 section 5.1)."""
    return IceError(
        f"the peer's consent to be sent to has expired: it answered no check for {expiry:g} s"
    )


def consent_withdrawn() -> IceError:
    """Make the error that the peer answered a check with 403 (RFC 7675 section 5.2)."""
    return IceError("the peer has withdrawn its consent to be sent to")


def nothing_authenticated(expiry: Seconds) -> IceError:
    """Make the error that a peer without ICE was silent for `expiry` seconds."""
    return IceError(f"the peer, which has no ICE, sent nothing that authenticates for {expiry:g} s")


def _kinds(candidates: Sequence[CandidateFields]) -> str:
    if not candidates:
        return "no candidates"
    counts = Counter(candidate.type for candidate in candidates)
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    return f"{_counted(len(candidates), 'candidate')} ({kinds})"


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
