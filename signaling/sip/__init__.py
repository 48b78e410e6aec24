"""User agent of SIP (RFC 3261): messages, digest, transports, calls. Needs the extra `sip`.

::

    async with sip.register("wss://sip.example.org", "sip:bot@example.org", secret) as phone:
        call = await phone.invite("sip:ann@example.org", pc)
"""

try:
    import sipmessage as _sipmessage  # noqa: F401 - a missing extra is told here, once
except ImportError as error:
    raise ImportError("SIP needs sipmessage: pip install 'handfast[sip]'") from error

from signaling.sip.agent_port import AgentSettings
from signaling.sip.branches import Branches
from signaling.sip.call import Call
from signaling.sip.call_events import CallDirection, CallState, Transfer
from signaling.sip.errors import (
    CallChangeRefused,
    CallFailed,
    CallRejected,
    CallTimedOut,
    RegistrationRefused,
    SipError,
    SipTransportError,
    SipUsageError,
)
from signaling.sip.phone import Phone
from signaling.sip.registering import Registering, register
from signaling.sip.session_events import CallEnded, EndCause, Progressed
from signaling.sip.session_timer import SessionTimerPolicy

__all__ = [
    "AgentSettings",
    "Branches",
    "Call",
    "CallChangeRefused",
    "CallDirection",
    "CallEnded",
    "CallFailed",
    "CallRejected",
    "CallState",
    "CallTimedOut",
    "EndCause",
    "Phone",
    "Progressed",
    "Registering",
    "RegistrationRefused",
    "SessionTimerPolicy",
    "SipError",
    "SipTransportError",
    "SipUsageError",
    "Transfer",
    "register",
]
