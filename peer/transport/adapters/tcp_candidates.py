"""TCP candidates of ICE: their kinds, which of them pair, and their priorities (RFC 6544). PURE."""

from __future__ import annotations

from typing import Final

from aioice import Candidate
from aioice.candidate import candidate_foundation

#: Component id of RTP, the only one, as RTCP is multiplexed (RFC 8834 section 4.5).
COMPONENT: Final = 1
#: An active candidate has this port, as nobody connects to it (RFC 6544 section 4.5).
DISCARD_PORT: Final = 9
#: Type preferences below those of UDP, which is better for media (RFC 6544 section 4.2): those of
#: libwebrtc.
_TYPE_PREFERENCES: Final = {"host": 90, "prflx": 80}
#: Direction preferences of host candidates (RFC 6544 section 4.2).
_DIRECTIONS: Final = {"active": 6, "passive": 4}
_MAX_OTHER_PREFERENCE: Final = 8191


class TcpCandidate(Candidate):
    """A TCP host candidate of ours: `active` connects to the peer, `passive` is connected to.

    Args:
        tcp_type: `active` or `passive`.
        address: Local address and port.
        interface: Number of the address among ours; the first is preferred.
    """

    def __init__(self, tcp_type: str, address: tuple[str, int], *, interface: int) -> None:
        host, port = address
        super().__init__(
            foundation=candidate_foundation("host", f"tcp {tcp_type}", host),
            component=COMPONENT,
            transport="tcp",
            priority=0,
            host=host,
            port=port,
            type="host",
            tcptype=tcp_type,
        )
        self.interface = interface
        self.priority = self.priority_as("host")

    def priority_as(self, kind: str) -> int:
        """Return the priority of a candidate of that type with this base."""
        other = max(0, _MAX_OTHER_PREFERENCE - self.interface)
        local = (_DIRECTIONS[self.tcptype or ""] << 13) | other
        return (_TYPE_PREFERENCES[kind] << 24) | (local << 8) | (256 - COMPONENT)

    def can_pair_with(self, other: Candidate) -> bool:
        """Tell whether checks begin here: at active ones, towards passive (RFC 6544 section 6.2).

        A passive one has a pair once the peer has connected.
        """
        return (
            self.tcptype == "active"
            and other.tcptype == "passive"
            and bool(super().can_pair_with(other))
        )

    def describe(self, remote: Candidate) -> None:
        """Name the kind of a peer-reflexive candidate that was found at this one."""
        remote.transport = "tcp"
        remote.tcptype = "active" if self.tcptype == "passive" else "passive"
