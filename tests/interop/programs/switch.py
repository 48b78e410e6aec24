"""Joins two SIP dialogs by Sippy B2BUA, and moves one of them when its phone transfers it (REFER).

Usage: `python switch.py PORT PROXY_PORT AOR SECRET TARGET`. It registers at the proxy, and joins
each call that comes in to one of its own to TARGET. Where the phone there transfers the call, the
switch calls the new target, and describes it to the caller by a re-INVITE.
"""

from __future__ import annotations

import sys
from typing import Any

from sippy.CCEvents import (
    CCEventConnect,
    CCEventDisconnect,
    CCEventTry,
    CCEventUpdate,
)
from sippy.Core.EventDispatcher import ED2
from sippy.MsgBody import MsgBody
from sippy.SipLogger import SipLogger
from sippy.SipRegistrationAgent import SipRegistrationAgent
from sippy.SipTransactionManager import SipTransactionManager
from sippy.SipURL import SipURL
from sippy.UA import UA

HOST = "127.0.0.1"


class Switch:
    """The configuration of the switch, and its account."""

    def __init__(self, port: int, proxy_port: int, aor: str, secret: str, target: str) -> None:
        self.user, self.domain = aor.removeprefix("sip:").split("@")
        self.secret = secret
        self.target = target.removeprefix("sip:").split("@")[0]
        self.proxy = (HOST, proxy_port)
        self.config = {
            "_sip_address": HOST,
            "_sip_port": port,
            "_sip_logger": SipLogger("switch"),
            "nh_addr": self.proxy,
        }
        self.config["_sip_tm"] = SipTransactionManager(self.config, self.receive)
        contact = SipURL(username=self.user, host=HOST, port=port)
        SipRegistrationAgent(
            self.config,
            SipURL(username=self.user, host=self.domain),
            contact,
            user=self.user,
            passw=secret,
            rok_cb=lambda *_: print("registered", flush=True),
            target=(self.proxy, "udp"),
        ).doregister()

    def receive(self, request: Any, transaction: Any) -> Any:
        """Begin a call by a request that is of no dialog."""
        if request.getHFBody("to").getTag() is not None:
            return request.genResponse(481, "Call Leg/Transaction Does Not Exist"), None, None
        if request.getMethod() != "INVITE":
            return request.genResponse(501, "Not Implemented"), None, None
        return Joined(self).caller.recvRequest(request, transaction)


class Try(CCEventTry):  # type: ignore[misc]  # Sippy is untyped
    """An INVITE of ours whose URIs have the domain of the proxy, and not its address."""

    def __init__(self, domain: str, user: str, target: str, offer: Any) -> None:
        # Call-ID, caller, called, description, authentication, name.
        super().__init__((None, user, target, offer, None, user))
        self._domain = domain

    def onUacSetupComplete(self, uac: Any) -> None:  # noqa: N802 - Sippy's name
        for url in (uac.rTarget, uac.rUri.getUrl(), uac.lUri.getUrl()):
            url.host, url.port = self._domain, None


class Joined:
    """A caller, and the leg that it hears."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self.caller = UA(switch.config, self._note)
        self._leg: Any = None
        #: The leg of a transfer, until it answers.
        self._next: Any = None

    def _call(self, target: str, offer: Any) -> Any:
        switch = self._switch
        leg = UA(switch.config, self._note, switch.user, switch.secret, switch.proxy)
        leg.recvEvent(Try(switch.domain, switch.user, target, offer))
        return leg

    def _note(self, event: Any, ua: Any) -> None:
        if ua is self.caller:
            if isinstance(event, CCEventTry):
                self._leg = self._call(self._switch.target, event.getData()[3])
            elif self._leg is not None:
                self._leg.recvEvent(event)
        elif ua is self._leg:
            referred = event.getData() if isinstance(event, CCEventDisconnect) else None
            if referred is None:
                self.caller.recvEvent(event)
            else:
                self._transfer(referred.getUrl().username)
        elif ua is self._next and isinstance(event, CCEventConnect):
            self._leg, self._next = self._next, None
            self.caller.recvEvent(CCEventUpdate(event.getData()[2]))
            print("moved", flush=True)

    def _transfer(self, target: str) -> None:
        print("transfer to", target, flush=True)
        self._next = self._call(target, MsgBody(str(self.caller.rSDP)))


if __name__ == "__main__":
    port, proxy_port = map(int, sys.argv[1:3])
    Switch(port, proxy_port, *sys.argv[3:])
    ED2.loop()
