"""Transaction layer of SIP: matches messages to transactions, and retransmits. PURE.

Every method takes the time and returns what follows: messages to send and what happened, in order.
`next_time` says when `advance` is due. State tables: `tables.py`.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, assert_never

from sipmessage import CSeq, Headers, Request, Response, Via

from signaling.alarms import Alarms
from signaling.sip.dialog import MAX_FORWARDS
from signaling.sip.replies import reply_to
from signaling.sip.transactions.keys import (
    MAGIC_COOKIE,
    ClientKey,
    ServerKey,
    UnmatchableError,
    client_key,
    is_unreliable,
    server_key,
    server_key_of_response,
)
from signaling.sip.transactions.outputs import (
    AckReceived,
    Flow,
    RequestFailed,
    RequestReceived,
    ResponseFailed,
    ResponseReceived,
    SendMessage,
    TransactionOutput,
)
from signaling.sip.transactions.tables import (
    FIRST_STATES,
    REPEATING,
    STARTED_TIMERS,
    TABLES,
    Cause,
    TransactionAction,
    TransactionInput,
    TransactionKind,
    TransactionState,
    TransactionTimer,
    TransactionTimes,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.times import MonotonicTime, Seconds

_logger = logging.getLogger(__name__)

#: Bound on transactions that are kept (ours: those of 250 calls a second, whose INVITEs stay for 32
#: s); beyond it those go that only absorb late messages, and if there are none, a new request is
#: answered 503.
MAX_TRANSACTIONS: Final = 8192
#: Seconds after which a request that was answered 503 may come again (Retry-After; ours).
OVERLOAD_RETRY_AFTER: Final = 5
_ABSORBING: Final = frozenset({TransactionState.COMPLETED, TransactionState.CONFIRMED})


class UnknownTransactionError(LookupError):
    """The transaction layer has no such transaction, or it takes no such response any more."""


@dataclass(slots=True)
class _Transaction:
    key: ClientKey | ServerKey
    kind: TransactionKind
    state: TransactionState
    request: Request
    reliable: bool
    flow: Flow | None
    #: The message that a retransmission repeats.
    last: Request | Response | None = None
    #: A CANCEL waits for the first provisional response (RFC 3261 section 9.1).
    cancel_wanted: bool = False


def new_branch() -> str:
    """Make a branch parameter that nobody can guess."""
    return MAGIC_COOKIE + secrets.token_hex(10)


class TransactionLayer:
    """All transactions of one user agent.

    Args:
        via: Via header of our requests, without a branch; `UDP` in it makes requests repeat.
        times: Base times of the timers.
        branch: Makes the branch of each request.
        limit: Most transactions that are kept.
    """

    def __init__(
        self,
        *,
        via: Via,
        times: TransactionTimes | None = None,
        branch: Callable[[], str] = new_branch,
        limit: int = MAX_TRANSACTIONS,
    ) -> None:
        #: The Via of requests to come; the shell changes it with its transport.
        self.via = via
        self._times = times or TransactionTimes()
        self._branch = branch
        self._limit = limit
        self._transactions: dict[ClientKey | ServerKey, _Transaction] = {}
        self._alarms: Alarms[tuple[ClientKey | ServerKey, TransactionTimer]] = Alarms()
        self._intervals: dict[tuple[ClientKey | ServerKey, TransactionTimer], Seconds] = {}
        self._ended: list[ClientKey | ServerKey] = []

    def __len__(self) -> int:
        """Count the transactions that are kept."""
        return len(self._transactions)

    def state(self, key: ClientKey | ServerKey) -> TransactionState:
        """State of a transaction; TERMINATED for one that is not kept."""
        found = self._transactions.get(key)
        return found.state if found else TransactionState.TERMINATED

    def take_ended(self) -> list[ClientKey | ServerKey]:
        """Keys of the transactions that have ended since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def next_time(self) -> MonotonicTime | None:
        """Time at which `advance` is due; None while no timer runs."""
        return self._alarms.next_time()

    # The user's side

    def stamp(self, request: Request) -> str:
        """Give a request our Via with a new branch, and its Content-Length; return the branch.

        Args:
            request: The request; an ACK to a 2xx is sent with nothing more than this.
        """
        branch = self._branch()
        parameters = self.via.parameters.replace(branch=branch)
        names = [name for name in request.headers.keys() if name.lower() != "via"]  # noqa: SIM118 - it has no other iterator
        rest = [(name, request.headers.getlist(name)) for name in names]
        # Proxies look for Via first (RFC 3261 section 7.3.1).
        request.headers = Headers()
        request.headers.set("Via", str(replace(self.via, parameters=parameters)))
        for name, values in rest:
            request.headers.setlist(name, values)
        _measure(request)
        return branch

    def request(
        self, request: Request, now: MonotonicTime
    ) -> tuple[ClientKey, list[TransactionOutput]]:
        """Begin a client transaction with a request of any method but ACK and CANCEL."""
        key = ClientKey(self.stamp(request), request.method)
        return key, self._begin_client(key, request, now)

    def cancel(self, key: ClientKey, now: MonotonicTime) -> list[TransactionOutput]:
        """Cancel an INVITE that has no final response, once there is a provisional one.

        Args:
            key: The INVITE's transaction; nothing happens where it has ended.
            now: The time.
        """
        invite = self._transactions.get(key)
        match invite:
            case _Transaction(state=TransactionState.CALLING):
                invite.cancel_wanted = True
                return []
            case _Transaction(state=TransactionState.PROCEEDING) if not self._alarms.is_running(
                (key, TransactionTimer.CANCEL)
            ):
                self._alarms.start((key, TransactionTimer.CANCEL), now + self._times.timeout)
                cancel = _cancel_of(invite.request)
                return self._begin_client(ClientKey(key.branch, "CANCEL"), cancel, now)
            case _:
                return []

    def respond(
        self, key: ServerKey, response: Response, now: MonotonicTime
    ) -> list[TransactionOutput]:
        """Send a response to a request; a 2xx to INVITE may be sent again until its ACK has come.

        Raises:
            UnknownTransactionError: There is no such transaction, or it has a final response.
        """
        transaction = self._transactions.get(key)
        cause = _response_input(response)
        if transaction is None or cause not in TABLES[transaction.kind][transaction.state]:
            raise UnknownTransactionError(
                f"{key.method} takes no response {response.code}: "
                f"its transaction is {self.state(key).name}"
            )
        _measure(response)
        transaction.last = response
        self._alarms.stop((key, TransactionTimer.TRYING))
        return self._step(transaction, cause, now, response)

    def server_transaction_cancelled_by(self, cancel: Request) -> ServerKey | None:
        """Key of the INVITE that a CANCEL is for; None where there is none (RFC 3261 section 9.2).

        Raises:
            UnmatchableError: The CANCEL lacks a header, or has a broken one.
        """
        key = server_key(cancel)
        invite = ServerKey(key.branch, key.sent_by, "INVITE")
        return invite if invite in self._transactions else None

    # The network's side

    def receive(
        self, message: Request | Response, now: MonotonicTime, flow: Flow | None = None
    ) -> list[TransactionOutput]:
        """Take a message from the network; what can belong to nothing is answered or dropped."""
        match message:
            case Request():
                try:
                    return self._receive_request(message, now, flow)
                except UnmatchableError as error:
                    return _refuse(message, flow, str(error))
            case Response():
                try:
                    return self._receive_response(message, now)
                except UnmatchableError:
                    return []
            case _:
                assert_never(message)

    def sending_failed(
        self, message: Request | Response, now: MonotonicTime
    ) -> list[TransactionOutput]:
        """Take note that a message of ours could not be sent (RFC 3261 sections 17.1.4, 17.2.4)."""
        key: ClientKey | ServerKey
        match message:
            case Request():
                key = client_key(message)
            case Response():
                key = server_key_of_response(message)
            case _:
                assert_never(message)
        transaction = self._transactions.get(key)
        if transaction is None:
            return []
        return self._step(transaction, TransactionInput.TRANSPORT_ERROR, now, None)

    def advance(self, now: MonotonicTime) -> list[TransactionOutput]:
        """Let the timers fire whose time has come."""
        outputs: list[TransactionOutput] = []
        for key, timer in self._alarms.take(now):
            transaction = self._transactions[key]
            outputs += self._step(transaction, timer, now, None)
            if interval := self._intervals.pop((key, timer), None):
                if self._transactions.get(key) is not transaction:
                    continue
                interval = self._times.next(timer, interval=interval, state=transaction.state)
                self._start(key, timer, interval, now)
        return outputs

    def _receive_request(
        self, request: Request, now: MonotonicTime, flow: Flow | None
    ) -> list[TransactionOutput]:
        key = server_key(request)
        known = self._transactions.get(key)
        if request.method == "ACK":
            # The ACK of a 2xx is its own transaction, or has the branch of an INVITE (RFC 2543).
            if known is None:
                return [AckReceived(request, flow)]
            return self._step(known, TransactionInput.ACK, now, request)
        if known is not None:
            return self._step(known, TransactionInput.REQUEST, now, request)
        if not self._make_room():
            _logger.warning("SIP: %d transactions are open; a new one is answered 503", len(self))
            overload = reply_to(request, 503)
            overload.headers.set("Retry-After", str(OVERLOAD_RETRY_AFTER))
            _measure(overload)
            return [SendMessage(overload, flow)]
        is_invite = request.method == "INVITE"
        kind = TransactionKind.INVITE_SERVER if is_invite else TransactionKind.SERVER
        self._add(
            _Transaction(
                key,
                kind,
                FIRST_STATES[kind],
                request,
                reliable=not is_unreliable(request),
                flow=flow,
            ),
            now,
        )
        return [RequestReceived(key, request, flow)]

    def _receive_response(self, response: Response, now: MonotonicTime) -> list[TransactionOutput]:
        transaction = self._transactions.get(client_key(response))
        if transaction is None or not isinstance(transaction.key, ClientKey):
            # RFC 6026 section 8.1: a response without a transaction is nobody's.
            _logger.debug("SIP: a response %d belongs to no request of ours", response.code)
            return []
        outputs = self._step(transaction, _response_input(response), now, response)
        if transaction.cancel_wanted and transaction.state is TransactionState.PROCEEDING:
            transaction.cancel_wanted = False
            outputs += self.cancel(transaction.key, now)
        return outputs

    def _begin_client(
        self, key: ClientKey, request: Request, now: MonotonicTime
    ) -> list[TransactionOutput]:
        is_invite = request.method == "INVITE"
        kind = TransactionKind.INVITE_CLIENT if is_invite else TransactionKind.CLIENT
        self._make_room()
        transaction = _Transaction(
            key,
            kind,
            FIRST_STATES[kind],
            request,
            reliable=not is_unreliable(request),
            flow=None,
            last=request,
        )
        self._add(transaction, now)
        return [SendMessage(request)]

    def _make_room(self) -> bool:
        if len(self._transactions) < self._limit:
            return True
        for key, transaction in self._transactions.items():
            if transaction.state in _ABSORBING:
                self._remove(key)
                return True
        return False

    def _add(self, transaction: _Transaction, now: MonotonicTime) -> None:
        self._transactions[transaction.key] = transaction
        self._start_timers(transaction, now)

    def _remove(self, key: ClientKey | ServerKey) -> None:
        del self._transactions[key]
        self._ended.append(key)
        for timer in TransactionTimer:
            self._alarms.stop((key, timer))
            self._intervals.pop((key, timer), None)

    def _start_timers(self, transaction: _Transaction, now: MonotonicTime) -> None:
        wanted = STARTED_TIMERS[transaction.kind].get(transaction.state, ())
        for timer in TransactionTimer:
            name = (transaction.key, timer)
            if timer not in wanted:
                self._alarms.stop(name)
            elif not self._alarms.is_running(name):
                delay = self._times.first(timer, reliable=transaction.reliable)
                if delay is not None:
                    self._start(transaction.key, timer, delay, now)

    def _start(
        self,
        key: ClientKey | ServerKey,
        timer: TransactionTimer,
        delay: Seconds,
        now: MonotonicTime,
    ) -> None:
        self._alarms.start((key, timer), now + delay)
        if timer in REPEATING:
            self._intervals[key, timer] = delay

    def _step(
        self,
        transaction: _Transaction,
        cause: Cause,
        now: MonotonicTime,
        message: Request | Response | None,
    ) -> list[TransactionOutput]:
        row = TABLES[transaction.kind][transaction.state].get(cause)
        if row is None:
            return []
        state, actions = row
        outputs: list[TransactionOutput] = []
        for action in actions:
            outputs += self._act(transaction, action, message)
        if state is TransactionState.TERMINATED:
            transaction.state = state
            self._remove(transaction.key)
        elif state is not transaction.state:
            transaction.state = state
            self._start_timers(transaction, now)
        return outputs

    def _act(
        self,
        transaction: _Transaction,
        action: TransactionAction,
        message: Request | Response | None,
    ) -> list[TransactionOutput]:
        key, request, flow = transaction.key, transaction.request, transaction.flow
        match action:
            case TransactionAction.PASS:
                return [_passed(key, request, flow, message)]
            case TransactionAction.ACKNOWLEDGE:
                assert isinstance(message, Response)
                return [SendMessage(_ack_of(request, message))]
            case TransactionAction.SEND:
                assert message is not None
                return [SendMessage(message, flow)]
            case TransactionAction.REPEAT:
                return [SendMessage(transaction.last, flow)] if transaction.last else []
            case TransactionAction.TRY:
                transaction.last = reply_to(request, 100)
                _measure(transaction.last)
                return [SendMessage(transaction.last, flow)]
            case TransactionAction.REPORT_TIMEOUT:
                return [_failed(key, request, timed_out=True)]
            case TransactionAction.REPORT_TRANSPORT:
                return [_failed(key, request, timed_out=False)]
            case _:
                assert_never(action)


def _passed(
    key: ClientKey | ServerKey,
    request: Request,
    flow: Flow | None,
    message: Request | Response | None,
) -> TransactionOutput:
    if isinstance(key, ClientKey):
        assert isinstance(message, Response)
        return ResponseReceived(key, request, message)
    assert isinstance(message, Request)
    return AckReceived(message, flow)


def _failed(
    key: ClientKey | ServerKey, request: Request, *, timed_out: bool
) -> RequestFailed | ResponseFailed:
    if isinstance(key, ClientKey):
        return RequestFailed(key, request, timed_out)
    return ResponseFailed(key, request, timed_out)


def _response_input(response: Response) -> TransactionInput:
    if response.code < 200:
        return TransactionInput.PROVISIONAL
    return TransactionInput.SUCCESS if response.code < 300 else TransactionInput.FAILURE


def _measure(message: Request | Response) -> None:
    message.headers.set("Content-Length", str(len(message.body)))


def _ack_of(invite: Request, response: Response) -> Request:
    """ACK of a response of 300 to 699 (RFC 3261 section 17.1.1.3)."""
    ack = _like(invite, "ACK")
    if (to := response.headers.get("To")) is not None:
        ack.headers.set("To", to)
    return ack


def _cancel_of(invite: Request) -> Request:
    """CANCEL of an INVITE (RFC 3261 section 9.1)."""
    return _like(invite, "CANCEL")


def _like(invite: Request, method: str) -> Request:
    request = Request(method=method, uri=invite.uri)
    request.headers.set("Via", invite.headers["Via"])
    for name in ("Route", "From", "To", "Call-ID"):
        if values := invite.headers.getlist(name):
            request.headers.setlist(name, list(values))
    request.cseq = CSeq(sequence=invite.cseq.sequence, method=method)
    request.max_forwards = MAX_FORWARDS
    _measure(request)
    return request


def _refuse(request: Request, flow: Flow | None, reason: str) -> list[TransactionOutput]:
    # RFC 3261 section 8.2.7: statelessly; without a Via there is nowhere to send an answer.
    if request.method == "ACK" or not request.headers.getlist("Via"):
        return []
    phrase = "".join(c if c.isprintable() else "?" for c in reason)[:120]
    refusal = reply_to(request, 400, phrase=f"Bad Request ({phrase})")
    _measure(refusal)
    return [SendMessage(refusal, flow)]
