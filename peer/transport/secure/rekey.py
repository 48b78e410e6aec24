"""State table of a rekey: when a transport changes over to the next association's keys. PURE.

RFC 5763 section 6.8 has media flow under the old keys while the new handshake runs. The safe
switch: a DTLS client sends with the new keys from its own completion, since the server's Finished
has shown that the server has them. A server sends with them once a packet has authenticated under
them, since only then it knows that its Finished has arrived; or at once where the peer has closed
the old association, as libwebrtc does first of all. After that the old keys only receive (RFC 5764
section 3.7), and the end of their association changes nothing.

The caller keeps the timers: `TIMED_OUT` means another thing in each phase.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

#: Seconds within which a peer that may keep its association has to take part in the next one
#: (ours).
PARTICIPATION_TIMEOUT: Final = 3.0
#: Seconds without a next association after which the peer's close of the old one ends the transport
#: (ours).
FAREWELL_TIMEOUT: Final = 5.0
#: Seconds for which old keys still receive (ours: the MSL of TCP, which RFC 6347 section 4.1 allows
#: for the keys of former epochs).
RETIREMENT_PERIOD: Final = 120.0
#: Bound on the old associations that still receive; the oldest goes first (ours).
MAX_RETIRING: Final = 4
#: Seconds after the switch at which a small packet is sent under the new keys (ours).
PROBE_TIMES: Final = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8)


class RekeyPhase(Enum):
    """Progress of a rekey, in which the next association takes the place of the old one."""

    #: One association, and perhaps old ones that retire.
    IDLE = auto()
    #: The next one shakes hands, or waits for a ClientHello; we send with the old keys.
    HANDSHAKING = auto()
    #: The next one shakes hands, but the peer has closed the old one: our packets are queued.
    HANDSHAKING_WITHOUT_FALLBACK = auto()
    #: We are server and have the new keys, but the client may not have them yet.
    AWAITING_CONFIRMATION = auto()
    #: We send with the new keys, but nothing has authenticated under them; the old ones receive.
    SWITCHING = auto()
    #: We send with the new keys, and there is no way back: the peer has closed the old association.
    SWITCHING_WITHOUT_FALLBACK = auto()
    #: Both directions use the new keys; the old ones receive late packets.
    RETIRING = auto()
    #: The transport has ended with the association that failed.
    ENDED = auto()


class RekeyInput(Enum):
    """Event that moves a rekey on."""

    #: A next association was made.
    PREPARED = auto()
    #: The next handshake is complete and the peer verified; we are its client.
    COMPLETED_AS_CLIENT = auto()
    #: The next handshake is complete and the peer verified; we are its server.
    COMPLETED_AS_SERVER = auto()
    #: A first packet has authenticated under the new keys.
    AUTHENTICATED = auto()
    #: The old association is closed or has failed.
    PEER_CLOSED_OLD = auto()
    #: The next association has failed, or the peer has closed it.
    FAILED = auto()
    #: The peer's certificate in the next association is not the one that it signalled.
    MISMATCH = auto()
    #: The timeout of this phase is over.
    TIMED_OUT = auto()
    #: The descriptions have gone back to the old association.
    DROPPED = auto()
    #: The descriptions have gone on to an association that is newer still.
    SUPERSEDED = auto()
    #: The next association listens as server, but is to be client: it is made anew.
    REMADE = auto()
    #: The keys of the last old association have been wiped.
    ALL_RETIRED = auto()


class RekeyAction(Enum):
    """Step that the caller takes, in the order given."""

    #: Queue our packets.
    QUEUE = auto()
    #: Send with the new keys from now on, first the queued packets.
    SEND_NEW = auto()
    #: Send small packets, so that the peer sees the new keys.
    PROBE = auto()
    #: Let the next association take the place of the old one, which retires; report completion.
    COMPLETE = auto()
    #: Close the next association, send with the old keys where there are any, and report failure.
    KEEP_OLD = auto()
    #: Close the next association and send with the old keys, without a report: it was asked for.
    DISCARD = auto()
    #: End the transport, closed or failed as the next association is.
    END = auto()


_Row = tuple[RekeyPhase, tuple[RekeyAction, ...]]

_BACK: _Row = (RekeyPhase.IDLE, (RekeyAction.KEEP_OLD,))
_ENDED: _Row = (RekeyPhase.ENDED, (RekeyAction.END,))
_COMPLETED: _Row = (RekeyPhase.RETIRING, (RekeyAction.COMPLETE,))
_SWITCHED_AND_COMPLETED: _Row = (
    RekeyPhase.RETIRING,
    (RekeyAction.SEND_NEW, RekeyAction.PROBE, RekeyAction.COMPLETE),
)
_COMMITTED: _Row = (
    RekeyPhase.SWITCHING_WITHOUT_FALLBACK,
    (RekeyAction.SEND_NEW, RekeyAction.PROBE),
)

TABLE: Final[dict[RekeyPhase, dict[RekeyInput, _Row]]] = {
    RekeyPhase.IDLE: {
        RekeyInput.PREPARED: (RekeyPhase.HANDSHAKING, ()),
        RekeyInput.ALL_RETIRED: (RekeyPhase.IDLE, ()),
    },
    RekeyPhase.HANDSHAKING: {
        RekeyInput.COMPLETED_AS_CLIENT: (
            RekeyPhase.SWITCHING,
            (RekeyAction.SEND_NEW, RekeyAction.PROBE),
        ),
        RekeyInput.COMPLETED_AS_SERVER: (RekeyPhase.AWAITING_CONFIRMATION, ()),
        RekeyInput.PEER_CLOSED_OLD: (RekeyPhase.HANDSHAKING_WITHOUT_FALLBACK, (RekeyAction.QUEUE,)),
        # The peer kept its association.
        RekeyInput.TIMED_OUT: _BACK,
        # The old keys belong to the peer that they were verified for, not to the certificate
        # that was to follow; and an attacker who can hold up a handshake is not to end a call.
        RekeyInput.FAILED: _BACK,
        # RFC 5763 section 5: a mismatch tears the session down.
        RekeyInput.MISMATCH: _ENDED,
        RekeyInput.DROPPED: (RekeyPhase.IDLE, (RekeyAction.DISCARD,)),
        RekeyInput.SUPERSEDED: _BACK,
        RekeyInput.REMADE: (RekeyPhase.IDLE, (RekeyAction.DISCARD,)),
        RekeyInput.ALL_RETIRED: (RekeyPhase.HANDSHAKING, ()),
    },
    RekeyPhase.HANDSHAKING_WITHOUT_FALLBACK: {
        RekeyInput.COMPLETED_AS_CLIENT: _COMMITTED,
        RekeyInput.COMPLETED_AS_SERVER: _COMMITTED,
        # The peer has closed the old association, and does not mean the next one either.
        RekeyInput.TIMED_OUT: _ENDED,
        RekeyInput.FAILED: _ENDED,
        RekeyInput.MISMATCH: _ENDED,
        RekeyInput.DROPPED: _ENDED,
        # The queued packets go out under the keys of the one to come.
        RekeyInput.SUPERSEDED: (RekeyPhase.HANDSHAKING_WITHOUT_FALLBACK, (RekeyAction.KEEP_OLD,)),
        RekeyInput.REMADE: (RekeyPhase.HANDSHAKING_WITHOUT_FALLBACK, (RekeyAction.DISCARD,)),
        RekeyInput.PREPARED: (RekeyPhase.HANDSHAKING_WITHOUT_FALLBACK, (RekeyAction.QUEUE,)),
        RekeyInput.ALL_RETIRED: (RekeyPhase.HANDSHAKING_WITHOUT_FALLBACK, ()),
    },
    RekeyPhase.AWAITING_CONFIRMATION: {
        RekeyInput.AUTHENTICATED: _SWITCHED_AND_COMPLETED,
        RekeyInput.PEER_CLOSED_OLD: _COMMITTED,
        # The client never saw our Finished, and has given up.
        RekeyInput.TIMED_OUT: _BACK,
        RekeyInput.FAILED: _BACK,
        RekeyInput.MISMATCH: _ENDED,
        # The client may be sending with the new keys. If it is not, the time runs out.
        RekeyInput.DROPPED: (RekeyPhase.AWAITING_CONFIRMATION, ()),
        RekeyInput.SUPERSEDED: _SWITCHED_AND_COMPLETED,
        RekeyInput.ALL_RETIRED: (RekeyPhase.AWAITING_CONFIRMATION, ()),
    },
    RekeyPhase.SWITCHING: {
        RekeyInput.AUTHENTICATED: _COMPLETED,
        RekeyInput.PEER_CLOSED_OLD: (RekeyPhase.SWITCHING_WITHOUT_FALLBACK, ()),
        # The server's Finished was under these keys; it has nothing to say, and needs not.
        RekeyInput.TIMED_OUT: _COMPLETED,
        # No packet of ours under the new keys has reached the server, and it has gone back.
        RekeyInput.FAILED: _BACK,
        RekeyInput.MISMATCH: _ENDED,
        # Packets of ours may have reached the server, which would not go back with us. A server
        # that goes back sends close_notify.
        RekeyInput.DROPPED: (RekeyPhase.SWITCHING, ()),
        RekeyInput.SUPERSEDED: _COMPLETED,
        RekeyInput.ALL_RETIRED: (RekeyPhase.SWITCHING, ()),
    },
    RekeyPhase.SWITCHING_WITHOUT_FALLBACK: {
        RekeyInput.AUTHENTICATED: _COMPLETED,
        RekeyInput.TIMED_OUT: _COMPLETED,
        RekeyInput.FAILED: _ENDED,
        RekeyInput.MISMATCH: _ENDED,
        RekeyInput.DROPPED: (RekeyPhase.SWITCHING_WITHOUT_FALLBACK, ()),
        RekeyInput.SUPERSEDED: _COMPLETED,
        RekeyInput.ALL_RETIRED: (RekeyPhase.SWITCHING_WITHOUT_FALLBACK, ()),
    },
    RekeyPhase.RETIRING: {
        RekeyInput.PREPARED: (RekeyPhase.HANDSHAKING, ()),
        RekeyInput.ALL_RETIRED: (RekeyPhase.IDLE, ()),
    },
    RekeyPhase.ENDED: {},
}


class UnexpectedInputError(LookupError):
    """The table has no row for this input in this phase: an error of the caller."""


def step(phase: RekeyPhase, event: RekeyInput) -> tuple[RekeyPhase, tuple[RekeyAction, ...]]:
    """Look up the phase that follows and the actions to take.

    Raises:
        UnexpectedInputError: The input cannot happen in this phase.
    """
    row = TABLE[phase].get(event)
    if row is None:
        raise UnexpectedInputError(f"{event.name} cannot happen in {phase.name}")
    return row
