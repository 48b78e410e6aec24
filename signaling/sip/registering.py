"""Entry to a SIP server by its URL: a phone, registered there or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from signaling.backoff import Reconnect
from signaling.sip.digest import Digest
from signaling.sip.errors import SipUsageError
from signaling.sip.grammar import parse_address
from signaling.sip.phone import Phone
from signaling.sip.transport.opening import open_transport

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from ssl import SSLContext
    from types import TracebackType
    from typing import Any

    from peer import PeerConfiguration
    from signaling.sip.agent_port import AgentSettings

#: URL of a SIP server; an address in its place is refused by name, and the other way round.
SipUrl: TypeAlias = str
#: Address of record, as `From` has it.
SipAddress: TypeAlias = str

_DEFAULT: Final = Reconnect()
#: Seconds that a registration lasts unless it is refreshed (ours): so long a server that restarts
#: may not know us.
_EXPIRES: Final = 600


class Registering:
    """A phone to be: `async with sip.register(...) as phone`, or `phone = await sip.register(...)`.

    Args:
        enter: Opens the phone; called once.
    """

    def __init__(self, enter: Callable[[], Coroutine[Any, Any, Phone]]) -> None:
        self._enter = enter
        self._phone: Phone | None = None

    def __repr__(self) -> str:
        return f"<Registering {self._phone!r}>"

    def __await__(self) -> Generator[Any, None, Phone]:
        return self._enter().__await__()

    async def __aenter__(self) -> Phone:
        self._phone = await self._enter()
        return self._phone

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._phone is not None:
            await self._phone.close()


def register(
    url: SipUrl,
    address: SipAddress,
    secret: str | None = None,
    *,
    user: str | None = None,
    expires: int | None = _EXPIRES,
    ssl: SSLContext | None = None,
    domain: str | None = None,
    large_by_tcp: bool = False,
    reconnect: Reconnect | None = _DEFAULT,
    insecure: bool = False,
    configuration: PeerConfiguration | None = None,
    settings: AgentSettings | None = None,
) -> Registering:
    """Register a phone at a SIP server: `async with` it, which unregisters at the end, or `await`.

    Args:
        url: Server, through which every call goes: `wss://example.org` (RFC 7118), `sips:host`,
            `sip:host;transport=tcp` or `udp`.
        address: Our address of record, such as `sip:bot@example.org`, or `"Bot" <sip:...>`.
        secret: Password for digest authentication; None where the server asks for none.
        user: Name for digest authentication; that of the address where None.
        expires: Seconds that the registration lasts, which is refreshed before; None registers
            nowhere, as a trunk that knows our address has it.
        ssl: TLS context; None trusts the system's certificates.
        domain: The domain that the certificate of a `sips:` server has to name (RFC 5922); None is
            the host of the URL.
        large_by_tcp: Send a request of more than 1,300 octets by TCP where the URL is of UDP (RFC
            3261 section 18.1.1), as an INVITE of WebRTC is; for servers that take both.
        reconnect: Reconnection policy of WebSocket, TCP and TLS; None never reconnects.
        insecure: Allow a server without TLS on another machine.
        configuration: Configuration of connections that the phone makes.
        settings: Timers and names of SIP.

    Raises:
        SipUsageError: The URL or the address is none.
        InsecureUrlError: A server without TLS on another machine (RFC 5763 section 8.2).
        SipTransportError: The server cannot be reached.
        RegistrationRefused: The registrar does not take us.
    """

    async def enter() -> Phone:
        try:
            name = user or parse_address(address).uri.user
        except ValueError as error:
            raise SipUsageError(f"{address!r} is no address of a phone: {error}") from error
        if secret is not None and not name:
            raise SipUsageError(f"{address!r} names no user for the secret")
        digest = None if secret is None else Digest(name or "", password=secret)
        transport = await open_transport(
            url,
            ssl=ssl,
            domain=domain,
            reconnect=reconnect,
            insecure=insecure,
            large_by_tcp=large_by_tcp,
        )
        phone = Phone(
            transport,
            address,
            digest=digest,
            configuration=configuration,
            settings=settings,
            expires=expires,
        )
        await phone.open()
        return phone

    return Registering(enter)
