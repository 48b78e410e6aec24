"""Registration of a SIP user agent with its registrar (RFC 3261 section 10). PURE.

It is refreshed before it expires, and tried again after failures with waits that grow (RFC 5626
section 4.5).
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from peer.values import dataclass
from signaling.sip.agent_port import ALLOW
from signaling.sip.copies import renumbered
from signaling.sip.grammar import parse_address, split_values
from signaling.sip.replies import retry_after_of

if TYPE_CHECKING:
    from sipmessage import URI, Address, Response

    from peer.times import Seconds
    from signaling.sip.agent_port import OwnRequest, RegistrationPort

#: Seconds that a binding is asked to last (ours; RFC 3261 section 10.2.1.1 has no default but one
#: hour, in which a server that restarts would not know us).
DEFAULT_EXPIRES: Final = 600
#: Greatest Min-Expires of a registrar that is followed, in seconds (ours: a day).
GREATEST_EXPIRES: Final = 86_400
#: Seconds before the end of a long binding at which it is refreshed; a short one is refreshed
#: after half of it (RFC 5626 section 4.4.1 has the latter's reason: keep clear of the end).
REFRESH_MARGIN: Final = 600.0
#: Base of the waits after failures, in seconds (RFC 5626 section 4.5: 30 s where no flow works).
BASE_WAIT: Final = 30.0
#: Bound on the waits after failures, in seconds (RFC 5626 section 4.5: 1800 s).
LONGEST_WAIT: Final = 1800.0
#: Responses that another try does not change: the name or the secret is wrong, or not wanted here.
_FINAL: Final = frozenset({401, 402, 403, 404, 405, 407, 416, 420, 501, 604})


class RegistrationState(Enum):
    """Progress of a registration."""

    NEW = auto()
    #: A REGISTER waits for its response.
    REGISTERING = auto()
    REGISTERED = auto()
    #: The wait after a failure.
    WAITING = auto()
    #: The REGISTER that removes the binding waits for its response.
    REMOVING = auto()
    ENDED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """The registrar has the binding, anew or still.

    Attributes:
        expires: Seconds that it lasts; it is refreshed before.
        is_first: It is the first one, or the first after a failure.
    """

    expires: int
    is_first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationFailed:
    """The registrar does not have the binding.

    Attributes:
        status: Status code; 408 where it does not answer, 503 where it cannot be reached.
        reason: Reason phrase, or the sentence that says why a challenge was not answered.
        retry_in: Seconds until the next attempt; None where there is none.
    """

    status: int
    reason: str
    retry_in: Seconds | None


@dataclass(frozen=True, slots=True)
class Unregistered:
    """The binding is removed, or its registrar cannot be asked to; no event follows."""


class _Alarm(Enum):
    REFRESH = auto()
    RETRY = auto()


class Registration:
    """The binding of one address-of-record to our Contact.

    Args:
        agent: The user agent, of which it takes the Contact, the address and the tag.
        registrar: Request-URI, such as `sip:example.org`.
        expires: Seconds that the binding is to last.
        instance: URN of this device, such as `urn:uuid:...` (RFC 5626 section 4.1); empty for none.
    """

    def __init__(
        self,
        agent: RegistrationPort,
        registrar: URI,
        *,
        expires: int = DEFAULT_EXPIRES,
        instance: str = "",
    ) -> None:
        if not 1 <= expires <= GREATEST_EXPIRES:
            raise ValueError(f"expires is from 1 up to {GREATEST_EXPIRES} s, not {expires}")
        self.state = RegistrationState.NEW
        #: Values of Service-Route (RFC 3608): `Route` of requests outside of a dialog.
        self.service_route: tuple[str, ...] = ()
        self._agent = agent
        self._expires = expires
        self._instance = instance
        self._failures = 0
        self._is_bound = False
        self._stop_wanted = False
        self._request = agent.new_request("REGISTER", registrar)
        self._request.headers.remove("Route")
        self._request.headers.set("To", agent.aor)
        self._sequence = 0
        self._own: OwnRequest | None = None

    def start(self) -> None:
        """Register, or refresh the binding now, as after a transport has come back."""
        match self.state:
            case RegistrationState.NEW | RegistrationState.REGISTERED | RegistrationState.WAITING:
                self._send(self._expires)
            case _:
                # The REGISTER that is open has to end first (RFC 3261 section 10.2).
                return

    def stop(self) -> None:
        """Remove the binding from the registrar; `Unregistered` follows."""
        self._stop_wanted = True
        match self.state:
            case RegistrationState.NEW | RegistrationState.WAITING if not self._is_bound:
                self._end()
            case RegistrationState.NEW | RegistrationState.WAITING | RegistrationState.REGISTERED:
                self._send(0)
            case _:
                return

    def on_alarm(self, kind: object) -> None:
        """Refresh the binding, or try again."""
        assert isinstance(kind, _Alarm)
        self._send(self._expires)

    def _send(self, expires: int) -> None:
        self._agent.stop_alarms(self, *_Alarm)
        self.state = RegistrationState.REGISTERING if expires else RegistrationState.REMOVING
        self._sequence += 1
        request = renumbered(self._request, sequence=self._sequence)
        instance = f';+sip.instance="<{self._instance}>";reg-id=1' if self._instance else ""
        request.headers.set("Contact", f"{self._agent.contact}{instance};expires={expires}")
        request.headers.set("Expires", str(expires))
        request.headers.set("Supported", "path, outbound" if self._instance else "path")
        request.headers.set("Allow", ALLOW)
        self._own = self._agent.send_request(request, self._on_response)

    def _on_response(self, own: OwnRequest, response: Response) -> None:
        if own is not self._own or response.code < 200:
            return
        self._own = None
        # Challenges have taken numbers meanwhile.
        self._sequence = own.request.cseq.sequence
        if self.state is RegistrationState.REMOVING:
            self._end()
        elif response.code < 300:
            self._succeeded(response)
        else:
            self._failed(own, response)

    def _succeeded(self, response: Response) -> None:
        is_first = not self._is_bound or self._failures > 0
        self._is_bound, self._failures = True, 0
        expires = self._granted(response)
        self.service_route = tuple(
            route for value in response.headers.getlist("Service-Route") for route in _values(value)
        )
        self.state = RegistrationState.REGISTERED
        if self._stop_wanted:
            self._send(0)
            return
        self._agent.tell(self, Registered(expires=expires, is_first=is_first))
        margin = REFRESH_MARGIN if expires > 2 * REFRESH_MARGIN else expires / 2
        self._agent.start_alarm(self, _Alarm.REFRESH, expires - margin)

    def _failed(self, own: OwnRequest, response: Response) -> None:
        if self._stop_wanted:
            if self._is_bound:
                self._send(0)
            else:
                self._end()
            return
        least = (response.headers.get("Min-Expires") or "").strip()
        raised = int(least) if least.isascii() and least.isdigit() else 0
        if response.code == 423 and self._expires < raised <= GREATEST_EXPIRES:
            self._expires = raised
            self._send(self._expires)
            return
        reason = own.failure or response.phrase
        if response.code in _FINAL:
            self.state = RegistrationState.ENDED
            failed = RegistrationFailed(status=response.code, reason=reason, retry_in=None)
            self._agent.tell(self, failed)
            return
        wait = self._wait(response)
        self.state = RegistrationState.WAITING
        self._agent.tell(
            self, RegistrationFailed(status=response.code, reason=reason, retry_in=wait)
        )
        self._agent.start_alarm(self, _Alarm.RETRY, wait)

    def _wait(self, response: Response) -> Seconds:
        bound: Seconds = min(LONGEST_WAIT, BASE_WAIT * 2.0**self._failures)
        self._failures = min(self._failures + 1, 16)
        # From half of the bound up, so that not all phones come at once to a server that is back.
        wait: Seconds = bound * (0.5 + self._agent.chance() / 2)
        if (asked := retry_after_of(response)) is not None:
            wait = min(LONGEST_WAIT, max(wait, asked))
        return wait

    def _granted(self, response: Response) -> int:
        """Seconds that the registrar grants our Contact: others of the same user are not ours."""
        ours = _identity(parse_address(self._agent.contact))
        default = response.expires if response.expires is not None else self._expires
        for value in response.headers.getlist("Contact"):
            for each in _values(value):
                try:
                    address = parse_address(each)
                except ValueError:
                    continue
                if _identity(address) != ours:
                    continue
                text = (address.parameters.get("expires") or "").strip()
                if text.isascii() and text.isdigit():
                    # `int` refuses thousands of digits.
                    return max(1, int(min(float(text), GREATEST_EXPIRES)))
        return max(1, min(default, GREATEST_EXPIRES))

    def _end(self) -> None:
        self._agent.stop_alarms(self, *_Alarm)
        self.state = RegistrationState.ENDED
        self._is_bound = False
        self._agent.tell(self, Unregistered())


def _identity(address: Address) -> tuple[str | None, str, int | None]:
    return address.uri.user, address.uri.host.lower(), address.uri.port


def _values(text: str) -> list[str]:
    try:
        return split_values(text)
    except ValueError:
        return []
