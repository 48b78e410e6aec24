"""Owns the counts of datagrams of a secure transport, or of one of its associations."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """What passed through a secure transport, or one association; the only mutable value here.

    Args:
        packets_sent: Datagrams given to the path, DTLS and SRTP.
        packets_received: Datagrams taken from the path, whatever became of them.
        bytes_sent: Their payload in bytes, without UDP and IP.
        bytes_received: Likewise.
        dropped_unsent: Packets of ours that came while nothing could be sent, or too great.
        dropped_unauthentic: SRTP that did not authenticate, or was a replay; and what no peer says
            in a handshake.
        dropped_early: What waited for keys or verification until there was no more room.
        dropped_foreign: Datagrams of a class that is not for us, or for no association.
    """

    packets_sent: int = 0
    packets_received: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    dropped_unsent: int = 0
    dropped_unauthentic: int = 0
    dropped_early: int = 0
    dropped_foreign: int = 0
