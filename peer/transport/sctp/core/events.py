"""Events of an SCTP association, in the order in which they happened. PURE."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PeerKnown:
    """The peer has answered: messages may go with the packet that establishes (RFC 9260 5.1)."""


@dataclass(frozen=True, slots=True)
class Established:
    """The association is established: messages flow both ways."""


@dataclass(frozen=True, slots=True)
class StreamsReset:
    """The peer has reset streams of its own (RFC 6525).

    Args:
        streams: Their ids; empty is all of them.
    """

    streams: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OwnStreamsReset:
    """The peer has answered that it knows of the reset of these streams of ours (RFC 6525)."""

    streams: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AssociationEnded:
    """The association has ended.

    Args:
        by: What has ended it.
        cause: Cause code of an ABORT (RFC 9260 section 3.3.10); None where it has none.
    """

    by: str
    cause: int | None = None


#: What `Ended.by` says: an ABORT of the peer, its SHUTDOWN, no answer for long, its excess.
ABORTED, SHUT_DOWN, SILENT, EXCESSIVE = "abort", "shutdown", "silence", "excess"
