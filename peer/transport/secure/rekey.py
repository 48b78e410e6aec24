"""Owns when a transport goes over from one association's keys to the next one's; a table, no I/O.

RFC 5763 section 6.8 has media flow under the old keys while the new handshake runs. The safe
switch: a DTLS client sends with the new keys from its own completion, since the server's Finished
has shown that the server has them. A server sends with them once a packet has authenticated under
them, since only then it knows that its Finished has arrived; or at once where the peer has closed
the old association, as libwebrtc does first of all. After that the old keys only receive (RFC 5764
section 3.7), and what becomes of their association concerns nobody.

Whoever drives this keeps the clocks: `EXPIRED` means another thing in each phase.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

#: Seconds within which a peer that may keep its association has to say something on the next one.
GRACE: Final = 3.0
#: Seconds of silence on the next one after which a close of the old one was a goodbye.
FAREWELL: Final = 5.0
#: Seconds for which old keys still receive.
RETIREMENT: Final = 120.0
#: So many old associations at a time; the oldest goes first.
MOST_RETIRING: Final = 4
#: Seconds after the switch at which something small is said under the new keys.
PROBES: Final = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8)


class Phase(Enum):
    """How far the change is."""

    #: One association, and perhaps old ones that retire.
    IDLE = auto()
    #: The next one shakes hands, or waits for a ClientHello; we send with the old keys.
    HANDSHAKING = auto()
    #: Likewise, but the peer has closed the old one: what we send waits.
    HANDSHAKING_ALONE = auto()
    #: As server: the new keys are there, but the client may not have them yet.
    POISED = auto()
    #: We send with the new keys, and have heard nothing under them; the old ones still receive.
    SWITCHING = auto()
    #: Likewise, and there is no way back, as the peer has closed the old association.
    SWITCHING_ALONE = auto()
    #: Both directions use the new keys; the old ones receive what is late.
    RETIRING = auto()
    #: The transport has ended with the association that failed.
    ENDED = auto()


class Input(Enum):
    """What happened."""

    #: There is a next association.
    PREPARED = auto()
    #: Its handshake is complete and the peer verified, we being its client.
    COMPLETED_AS_CLIENT = auto()
    #: Likewise, we being its server.
    COMPLETED_AS_SERVER = auto()
    #: The first packet has authenticated under its keys.
    HEARD = auto()
    #: The old one is closed or has failed.
    PEER_CLOSED_OLD = auto()
    #: The next one has failed, or the peer has closed it.
    FAILED = auto()
    #: The peer's certificate is not the one that it signalled.
    MISMATCH = auto()
    #: The time of this phase is over.
    EXPIRED = auto()
    #: The descriptions have gone back to the old one.
    DROPPED = auto()
    #: The descriptions have gone on to one that is newer still.
    SUPERSEDED = auto()
    #: It listens, but is to call: one that does takes its place.
    REMADE = auto()
    #: The last old association has been wiped.
    RETIRED = auto()


class Action(Enum):
    """What to do about it, in the order given."""

    #: Let wait what we send.
    HOLD = auto()
    #: Send with the new keys from now on, first what waits.
    SEND_NEW = auto()
    #: Make sure that the peer sees the new keys.
    PROBE = auto()
    #: The next association takes the place of the old one, which retires; say so.
    REPLACE = auto()
    #: Close the next association, send with the old keys where there are any, and say why.
    KEEP_OLD = auto()
    #: Likewise without a word: it is what was asked for.
    DISCARD = auto()
    #: The transport ends, closed or failed as the next association is.
    END = auto()


_Row = tuple[Phase, tuple[Action, ...]]

_BACK: _Row = (Phase.IDLE, (Action.KEEP_OLD,))
_ENDED: _Row = (Phase.ENDED, (Action.END,))
_REPLACED: _Row = (Phase.RETIRING, (Action.REPLACE,))
_SWITCHED_AND_REPLACED: _Row = (
    Phase.RETIRING,
    (Action.SEND_NEW, Action.PROBE, Action.REPLACE),
)
_COMMITTED: _Row = (Phase.SWITCHING_ALONE, (Action.SEND_NEW, Action.PROBE))

TABLE: Final[dict[Phase, dict[Input, _Row]]] = {
    Phase.IDLE: {
        Input.PREPARED: (Phase.HANDSHAKING, ()),
        Input.RETIRED: (Phase.IDLE, ()),
    },
    Phase.HANDSHAKING: {
        Input.COMPLETED_AS_CLIENT: (Phase.SWITCHING, (Action.SEND_NEW, Action.PROBE)),
        Input.COMPLETED_AS_SERVER: (Phase.POISED, ()),
        Input.PEER_CLOSED_OLD: (Phase.HANDSHAKING_ALONE, (Action.HOLD,)),
        # The peer kept its association.
        Input.EXPIRED: _BACK,
        # The old keys belong to whom they were verified for, whatever certificate was to follow;
        # and whoever can hold up a handshake is not to end a call by it.
        Input.FAILED: _BACK,
        # RFC 5763 section 5: a mismatch tears the session down.
        Input.MISMATCH: _ENDED,
        Input.DROPPED: (Phase.IDLE, (Action.DISCARD,)),
        Input.SUPERSEDED: _BACK,
        Input.REMADE: (Phase.IDLE, (Action.DISCARD,)),
        Input.RETIRED: (Phase.HANDSHAKING, ()),
    },
    Phase.HANDSHAKING_ALONE: {
        Input.COMPLETED_AS_CLIENT: _COMMITTED,
        Input.COMPLETED_AS_SERVER: _COMMITTED,
        # The peer has closed the old association, and does not mean the next one either.
        Input.EXPIRED: _ENDED,
        Input.FAILED: _ENDED,
        Input.MISMATCH: _ENDED,
        Input.DROPPED: _ENDED,
        # What waits goes out under the keys of the one to come.
        Input.SUPERSEDED: (Phase.HANDSHAKING_ALONE, (Action.KEEP_OLD,)),
        Input.REMADE: (Phase.HANDSHAKING_ALONE, (Action.DISCARD,)),
        Input.PREPARED: (Phase.HANDSHAKING_ALONE, (Action.HOLD,)),
        Input.RETIRED: (Phase.HANDSHAKING_ALONE, ()),
    },
    Phase.POISED: {
        Input.HEARD: _SWITCHED_AND_REPLACED,
        Input.PEER_CLOSED_OLD: _COMMITTED,
        # The client never saw our Finished, and has given up.
        Input.EXPIRED: _BACK,
        Input.FAILED: _BACK,
        Input.MISMATCH: _ENDED,
        # The client may be sending with the new keys. If it is not, the time runs out.
        Input.DROPPED: (Phase.POISED, ()),
        Input.SUPERSEDED: _SWITCHED_AND_REPLACED,
        Input.RETIRED: (Phase.POISED, ()),
    },
    Phase.SWITCHING: {
        Input.HEARD: _REPLACED,
        Input.PEER_CLOSED_OLD: (Phase.SWITCHING_ALONE, ()),
        # The server's Finished was under these keys; it has nothing to say, and needs not.
        Input.EXPIRED: _REPLACED,
        # The server has heard nothing of ours under the new keys, and has gone back.
        Input.FAILED: _BACK,
        Input.MISMATCH: _ENDED,
        # The server may have heard us, and would not go back with us. One that goes back says so.
        Input.DROPPED: (Phase.SWITCHING, ()),
        Input.SUPERSEDED: _REPLACED,
        Input.RETIRED: (Phase.SWITCHING, ()),
    },
    Phase.SWITCHING_ALONE: {
        Input.HEARD: _REPLACED,
        Input.EXPIRED: _REPLACED,
        Input.FAILED: _ENDED,
        Input.MISMATCH: _ENDED,
        Input.DROPPED: (Phase.SWITCHING_ALONE, ()),
        Input.SUPERSEDED: _REPLACED,
        Input.RETIRED: (Phase.SWITCHING_ALONE, ()),
    },
    Phase.RETIRING: {
        Input.PREPARED: (Phase.HANDSHAKING, ()),
        Input.RETIRED: (Phase.IDLE, ()),
    },
    Phase.ENDED: {},
}


class UnexpectedInputError(LookupError):
    """Whoever drives the table has told it what cannot happen in this phase."""


def step(phase: Phase, happened: Input) -> tuple[Phase, tuple[Action, ...]]:
    """The phase that follows, and what to do.

    Raises:
        UnexpectedInputError: That cannot happen now.
    """
    row = TABLE[phase].get(happened)
    if row is None:
        raise UnexpectedInputError(f"{happened.name} cannot happen in {phase.name}")
    return row
