"""Session timers of SIP (RFC 4028): how long a call lives without a refresh, and who refreshes.

PURE: a caller's and a called end's view of `Session-Expires`, `Min-SE` and 422.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from peer.values import dataclass
from signaling.sip.reliable import option_tags

if TYPE_CHECKING:
    from sipmessage import Request, Response

    from peer.times import Seconds

#: Option tag of session timers (RFC 4028 section 7.1).
OPTION: Final = "timer"
#: Least session interval, in seconds, that anybody may ask for (RFC 4028 section 5).
LEAST_MIN_SE: Final = 90
#: Greatest session interval, in seconds, that a header may hold and we believe (ours: a day).
GREATEST_INTERVAL: Final = 86_400
_EXPIRES: Final = re.compile(r"\s*([0-9]{1,10})\s*(?:;(.*))?", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTimerPolicy:
    """Session timers that this end wishes for.

    Args:
        interval: Seconds that a call lives without a refresh; None asks for no timer.
        min_se: Least interval, in seconds, that this end takes.
    """

    interval: int | None = 1800
    min_se: int = LEAST_MIN_SE

    def __post_init__(self) -> None:
        if self.min_se < LEAST_MIN_SE:
            raise ValueError(f"min_se is at least {LEAST_MIN_SE} s (RFC 4028 section 5)")
        if self.interval is not None and not self.min_se <= self.interval <= GREATEST_INTERVAL:
            raise ValueError(f"interval is from min_se up to {GREATEST_INTERVAL} s, or None")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTimer:
    """Session timer that both ends have agreed on.

    Attributes:
        interval: Seconds that the call lives without a refresh.
        is_refresher: This end refreshes; otherwise the other one does.
    """

    interval: int
    is_refresher: bool

    @property
    def last(self) -> Seconds:
        """Seconds after a refresh at which the call is ended: a little before it expires.

        RFC 4028 section 10.
        """
        return self.interval - min(32.0, self.interval / 3)

    @property
    def due(self) -> Seconds:
        """Seconds after a refresh at which this end acts: refreshes, or ends the call.

        The refresher takes half of the interval (RFC 4028 section 10).
        """
        return self.interval / 2 if self.is_refresher else self.last


def ask(request: Request, policy: SessionTimerPolicy, *, current: SessionTimer | None) -> None:
    """Write the wish for a session timer into an INVITE or UPDATE of ours (sections 7.1 and 7.4).

    Args:
        request: The request.
        policy: What this end wishes for.
        current: The timer that the call has, whose refresher is kept.
    """
    if policy.interval is None and current is None:
        return
    interval = max(policy.min_se, current.interval if current else policy.interval or 0)
    role = "" if current is None else f";refresher={'uac' if current.is_refresher else 'uas'}"
    request.headers.set("Session-Expires", f"{interval}{role}")
    request.headers.set("Min-SE", str(policy.min_se))


def raised(response: Response, policy: SessionTimerPolicy) -> SessionTimerPolicy | None:
    """Policy with which a request that was answered 422 may be sent again; None for never."""
    least = _min_se(response)
    if not policy.min_se < least <= GREATEST_INTERVAL:
        return None
    return SessionTimerPolicy(interval=max(least, policy.interval or 0), min_se=least)


def is_too_small(request: Request, policy: SessionTimerPolicy) -> bool:
    """Tell if a request is refused with 422, since its interval is below our Min-SE (section 9)."""
    wish = _interval(request)
    # A client that does not know the timer could do nothing with a 422: a proxy wrote the header.
    return wish is not None and wish < policy.min_se and OPTION in option_tags(request, "Supported")


def agree(request: Request, response: Response, policy: SessionTimerPolicy) -> SessionTimer | None:
    """Write our decision on a session timer into a 2xx, and return the timer (section 9).

    Args:
        request: INVITE or UPDATE that came.
        response: The 2xx to it.
        policy: What this end wishes for.
    """
    knows = OPTION in option_tags(request, "Supported")
    wish, role = _interval(request), _refresher(request)
    if wish is None and policy.interval is None:
        return None
    floor = max(policy.min_se, min(_min_se(request), GREATEST_INTERVAL))
    offers = [seconds for seconds in (wish, policy.interval) if seconds is not None]
    interval = max(floor, min(offers))
    # Without knowledge of timers at the other end it is this one that refreshes.
    uac_refreshes = knows and role != "uas"
    response.headers.set(
        "Session-Expires", f"{interval};refresher={'uac' if uac_refreshes else 'uas'}"
    )
    if knows:
        tags = option_tags(response, "Require") | {OPTION}
        response.headers.set("Require", ", ".join(sorted(tags)))
    return SessionTimer(interval=interval, is_refresher=not uac_refreshes)


def agreed(response: Response) -> SessionTimer | None:
    """Session timer in a 2xx to a request of ours (section 7.2); None without one."""
    interval = _interval(response)
    if interval is None:
        return None
    return SessionTimer(
        interval=max(LEAST_MIN_SE, interval), is_refresher=_refresher(response) != "uas"
    )


def _interval(message: Request | Response) -> int | None:
    found = _EXPIRES.fullmatch(message.headers.get("Session-Expires") or "")
    return min(int(found[1]), GREATEST_INTERVAL) if found else None


def _refresher(message: Request | Response) -> str | None:
    found = _EXPIRES.fullmatch(message.headers.get("Session-Expires") or "")
    for parameter in (found[2] or "").split(";") if found else ():
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "refresher":
            return value.strip().lower()
    return None


def _min_se(message: Request | Response) -> int:
    found = re.fullmatch(r"\s*([0-9]{1,10})\s*(?:;.*)?", message.headers.get("Min-SE") or "")
    return int(found[1]) if found else 0
