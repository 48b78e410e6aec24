"""State tables of the four SIP transactions. PURE.

INVITE client and server (RFC 3261 sections 17.1.1 and 17.2.1, with the Accepted state of RFC 6026),
and the client and server of all other methods (sections 17.1.2 and 17.2.2). `layer.py` keeps the
timers and carries out the actions; an input without a row is absorbed.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final, TypeAlias

from peer.values import dataclass

if TYPE_CHECKING:
    from peer.times import Seconds


class TransactionKind(Enum):
    """Side and method class of a transaction: it selects the state table."""

    INVITE_CLIENT = auto()
    CLIENT = auto()
    INVITE_SERVER = auto()
    SERVER = auto()


class TransactionState(Enum):
    """Progress of a SIP transaction, in the words of RFC 3261 section 17 and RFC 6026."""

    CALLING = auto()
    TRYING = auto()
    PROCEEDING = auto()
    #: A final response other than 2xx to INVITE, or any to another method.
    COMPLETED = auto()
    #: The ACK of a refused INVITE has come.
    CONFIRMED = auto()
    #: A 2xx to INVITE: its retransmissions are the business of the user agent (RFC 6026).
    ACCEPTED = auto()
    TERMINATED = auto()


class TransactionInput(Enum):
    """Message, or failure to send one, that moves a transaction on."""

    #: A retransmission of the request that a server transaction has.
    REQUEST = auto()
    ACK = auto()
    #: Responses: received by a client transaction, given to a server transaction by its user.
    PROVISIONAL = auto()
    SUCCESS = auto()
    FAILURE = auto()
    TRANSPORT_ERROR = auto()


class TransactionTimer(Enum):
    """Timer of RFC 3261 section 17 and RFC 6026, by its letter there."""

    A = auto()
    B = auto()
    #: Bound on an INVITE that rings; that of the call itself is far shorter.
    C = auto()
    D = auto()
    E = auto()
    F = auto()
    G = auto()
    H = auto()
    I = auto()  # noqa: E741 - the letter of RFC 3261
    J = auto()
    K = auto()
    L = auto()
    M = auto()
    #: 200 ms after which a server transaction answers an INVITE with 100 (section 17.2.1).
    TRYING = auto()
    #: 64*T1 after a CANCEL, when an INVITE counts as cancelled without a response (section 9.1).
    CANCEL = auto()


class TransactionAction(Enum):
    """Step that the transaction layer takes, in the order given."""

    #: Hand the received message to the user of the transaction.
    PASS = auto()
    #: Acknowledge a response of 300 to 699 to an INVITE.
    ACKNOWLEDGE = auto()
    #: Send the response that the user gave.
    SEND = auto()
    #: Send the last request or response once more.
    REPEAT = auto()
    #: Send 100 Trying.
    TRY = auto()
    #: Report that the other end did not answer in time.
    REPORT_TIMEOUT = auto()
    #: Report that the transport could not send.
    REPORT_TRANSPORT = auto()


Cause: TypeAlias = TransactionInput | TransactionTimer
Row: TypeAlias = tuple[TransactionState, tuple[TransactionAction, ...]]

_ENDED: Final[Row] = (TransactionState.TERMINATED, ())
_TIMED_OUT: Final[Row] = (TransactionState.TERMINATED, (TransactionAction.REPORT_TIMEOUT,))
_UNSENT: Final[Row] = (TransactionState.TERMINATED, (TransactionAction.REPORT_TRANSPORT,))
_ACCEPTED_CLIENT: Final[Row] = (TransactionState.ACCEPTED, (TransactionAction.PASS,))
_REFUSED_CLIENT: Final[Row] = (
    TransactionState.COMPLETED,
    (TransactionAction.ACKNOWLEDGE, TransactionAction.PASS),
)

TABLES: Final[dict[TransactionKind, dict[TransactionState, dict[Cause, Row]]]] = {
    TransactionKind.INVITE_CLIENT: {
        TransactionState.CALLING: {
            TransactionTimer.A: (TransactionState.CALLING, (TransactionAction.REPEAT,)),
            TransactionTimer.B: _TIMED_OUT,
            TransactionInput.PROVISIONAL: (TransactionState.PROCEEDING, (TransactionAction.PASS,)),
            TransactionInput.SUCCESS: _ACCEPTED_CLIENT,
            TransactionInput.FAILURE: _REFUSED_CLIENT,
            TransactionInput.TRANSPORT_ERROR: _UNSENT,
        },
        TransactionState.PROCEEDING: {
            TransactionInput.PROVISIONAL: (TransactionState.PROCEEDING, (TransactionAction.PASS,)),
            TransactionInput.SUCCESS: _ACCEPTED_CLIENT,
            TransactionInput.FAILURE: _REFUSED_CLIENT,
            TransactionInput.TRANSPORT_ERROR: _UNSENT,
            TransactionTimer.CANCEL: _TIMED_OUT,
            TransactionTimer.C: _TIMED_OUT,
        },
        TransactionState.COMPLETED: {
            TransactionInput.FAILURE: (
                TransactionState.COMPLETED,
                (TransactionAction.ACKNOWLEDGE,),
            ),
            TransactionInput.TRANSPORT_ERROR: _ENDED,
            TransactionTimer.D: _ENDED,
        },
        # RFC 6026 section 7.2: every 2xx goes to the user, who sends its ACK again.
        TransactionState.ACCEPTED: {
            TransactionInput.SUCCESS: _ACCEPTED_CLIENT,
            TransactionTimer.M: _ENDED,
        },
    },
    TransactionKind.CLIENT: {
        TransactionState.TRYING: {
            TransactionTimer.E: (TransactionState.TRYING, (TransactionAction.REPEAT,)),
            TransactionTimer.F: _TIMED_OUT,
            TransactionInput.PROVISIONAL: (TransactionState.PROCEEDING, (TransactionAction.PASS,)),
            TransactionInput.SUCCESS: (TransactionState.COMPLETED, (TransactionAction.PASS,)),
            TransactionInput.FAILURE: (TransactionState.COMPLETED, (TransactionAction.PASS,)),
            TransactionInput.TRANSPORT_ERROR: _UNSENT,
        },
        TransactionState.PROCEEDING: {
            TransactionTimer.E: (TransactionState.PROCEEDING, (TransactionAction.REPEAT,)),
            TransactionTimer.F: _TIMED_OUT,
            TransactionInput.PROVISIONAL: (TransactionState.PROCEEDING, (TransactionAction.PASS,)),
            TransactionInput.SUCCESS: (TransactionState.COMPLETED, (TransactionAction.PASS,)),
            TransactionInput.FAILURE: (TransactionState.COMPLETED, (TransactionAction.PASS,)),
            TransactionInput.TRANSPORT_ERROR: _UNSENT,
        },
        TransactionState.COMPLETED: {TransactionTimer.K: _ENDED},
    },
    TransactionKind.INVITE_SERVER: {
        TransactionState.PROCEEDING: {
            TransactionInput.REQUEST: (TransactionState.PROCEEDING, (TransactionAction.REPEAT,)),
            TransactionTimer.TRYING: (TransactionState.PROCEEDING, (TransactionAction.TRY,)),
            TransactionInput.PROVISIONAL: (TransactionState.PROCEEDING, (TransactionAction.SEND,)),
            TransactionInput.SUCCESS: (TransactionState.ACCEPTED, (TransactionAction.SEND,)),
            TransactionInput.FAILURE: (TransactionState.COMPLETED, (TransactionAction.SEND,)),
            TransactionInput.TRANSPORT_ERROR: _UNSENT,
        },
        TransactionState.COMPLETED: {
            TransactionInput.REQUEST: (TransactionState.COMPLETED, (TransactionAction.REPEAT,)),
            TransactionTimer.G: (TransactionState.COMPLETED, (TransactionAction.REPEAT,)),
            TransactionInput.ACK: (TransactionState.CONFIRMED, ()),
            TransactionTimer.H: _TIMED_OUT,
            TransactionInput.TRANSPORT_ERROR: _UNSENT,
        },
        TransactionState.CONFIRMED: {TransactionTimer.I: _ENDED},
        # RFC 6026 section 7.1: retransmitted INVITEs are absorbed; the user repeats the 2xx, and
        # gets an ACK that has this transaction's branch.
        TransactionState.ACCEPTED: {
            TransactionInput.SUCCESS: (TransactionState.ACCEPTED, (TransactionAction.SEND,)),
            TransactionInput.ACK: (TransactionState.ACCEPTED, (TransactionAction.PASS,)),
            TransactionTimer.L: _ENDED,
        },
    },
    TransactionKind.SERVER: {
        TransactionState.TRYING: {
            TransactionInput.PROVISIONAL: (TransactionState.PROCEEDING, (TransactionAction.SEND,)),
            TransactionInput.SUCCESS: (TransactionState.COMPLETED, (TransactionAction.SEND,)),
            TransactionInput.FAILURE: (TransactionState.COMPLETED, (TransactionAction.SEND,)),
            TransactionInput.TRANSPORT_ERROR: _UNSENT,
        },
        TransactionState.PROCEEDING: {
            TransactionInput.REQUEST: (TransactionState.PROCEEDING, (TransactionAction.REPEAT,)),
            TransactionInput.PROVISIONAL: (TransactionState.PROCEEDING, (TransactionAction.SEND,)),
            TransactionInput.SUCCESS: (TransactionState.COMPLETED, (TransactionAction.SEND,)),
            TransactionInput.FAILURE: (TransactionState.COMPLETED, (TransactionAction.SEND,)),
            TransactionInput.TRANSPORT_ERROR: _UNSENT,
        },
        TransactionState.COMPLETED: {
            TransactionInput.REQUEST: (TransactionState.COMPLETED, (TransactionAction.REPEAT,)),
            TransactionInput.TRANSPORT_ERROR: _UNSENT,
            TransactionTimer.J: _ENDED,
        },
    },
}

#: State in which each kind of transaction begins.
FIRST_STATES: Final = {
    TransactionKind.INVITE_CLIENT: TransactionState.CALLING,
    TransactionKind.CLIENT: TransactionState.TRYING,
    TransactionKind.INVITE_SERVER: TransactionState.PROCEEDING,
    TransactionKind.SERVER: TransactionState.TRYING,
}

#: Timers that start with a state; one that runs already goes on where it stands here as well.
STARTED_TIMERS: Final[
    dict[TransactionKind, dict[TransactionState, tuple[TransactionTimer, ...]]]
] = {
    TransactionKind.INVITE_CLIENT: {
        TransactionState.CALLING: (TransactionTimer.A, TransactionTimer.B),
        TransactionState.PROCEEDING: (TransactionTimer.C,),
        TransactionState.COMPLETED: (TransactionTimer.D,),
        TransactionState.ACCEPTED: (TransactionTimer.M,),
    },
    TransactionKind.CLIENT: {
        TransactionState.TRYING: (TransactionTimer.E, TransactionTimer.F),
        TransactionState.PROCEEDING: (TransactionTimer.E, TransactionTimer.F),
        TransactionState.COMPLETED: (TransactionTimer.K,),
    },
    TransactionKind.INVITE_SERVER: {
        TransactionState.PROCEEDING: (TransactionTimer.TRYING,),
        TransactionState.COMPLETED: (TransactionTimer.G, TransactionTimer.H),
        TransactionState.CONFIRMED: (TransactionTimer.I,),
        TransactionState.ACCEPTED: (TransactionTimer.L,),
    },
    TransactionKind.SERVER: {
        TransactionState.COMPLETED: (TransactionTimer.J,),
    },
}

#: Timers that send again over an unreliable transport, and never over a reliable one.
REPEATING: Final = frozenset({TransactionTimer.A, TransactionTimer.E, TransactionTimer.G})
#: Timers that absorb late retransmissions, and take no time over a reliable transport.
LINGERING: Final = frozenset(
    {TransactionTimer.D, TransactionTimer.I, TransactionTimer.J, TransactionTimer.K}
)
#: Seconds for which an INVITE may ring (ours: an hour, so that nothing is kept for ever; RFC 3261
#: section 16.6 has three minutes for proxies).
RINGING_LIMIT: Final = 3600.0
#: Seconds before an INVITE without a response is answered with 100 (RFC 3261 section 17.2.1).
TRYING_DELAY: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionTimes:
    """Base times of SIP's timers, in seconds (RFC 3261 section 17.1.1.1 and table 4).

    Args:
        t1: Estimate of the round-trip time.
        t2: Upper bound of the interval between retransmissions, but for an INVITE.
        t4: Longest time that a message stays in the network.
    """

    t1: Seconds = 0.5
    t2: Seconds = 4.0
    t4: Seconds = 5.0

    def __post_init__(self) -> None:
        if not 0 < self.t1 <= self.t2 or self.t4 < 0:
            raise ValueError("t1 is more than 0 and at most t2, and t4 is 0 or more")

    @property
    def timeout(self) -> Seconds:
        """Duration of timers B, F, H, J, L and M: 64*T1."""
        return 64 * self.t1

    def first(self, timer: TransactionTimer, *, reliable: bool) -> Seconds | None:
        """Duration of a timer that starts, in seconds; None where it does not run at all.

        Args:
            timer: The timer.
            reliable: The transport is TCP, TLS or WebSocket, and not UDP.
        """
        if reliable and timer in REPEATING:
            return None
        if reliable and timer in LINGERING:
            return 0.0
        match timer:
            case TransactionTimer.A | TransactionTimer.E | TransactionTimer.G:
                return self.t1
            case TransactionTimer.I | TransactionTimer.K:
                return self.t4
            case TransactionTimer.TRYING:
                return TRYING_DELAY
            case TransactionTimer.C:
                return RINGING_LIMIT
            case TransactionTimer.D:
                # "At least 32 seconds": those of the other end's timer H.
                return max(32.0, self.timeout)
            case _:
                return self.timeout

    def next(
        self, timer: TransactionTimer, *, interval: Seconds, state: TransactionState
    ) -> Seconds:
        """Interval after which a timer that repeats fires again, in seconds.

        Args:
            timer: A, E or G.
            interval: Seconds that it has just taken.
            state: State that the transaction is in after it fired.
        """
        if timer is TransactionTimer.A:
            return 2 * interval
        if state is TransactionState.PROCEEDING:
            return self.t2
        return min(2 * interval, self.t2)
