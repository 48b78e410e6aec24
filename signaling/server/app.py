"""ASGI app of the room server: checks origins, and connects WebSockets to `Rooms`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, assert_never

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from peer.configuration import IceServer
from signaling.errors import ErrorCode
from signaling.ice_servers import IceServerEntry
from signaling.messages import MAX_REASON, Error, Joined, Resume
from signaling.server.access import JoinRequest, Refusal, Rights, everybody
from signaling.server.backplane import InProcessBackplane
from signaling.server.browser_client import client_routes
from signaling.server.connection import SERVICE_RESTART, MemberConnection, dismiss, receive_frame
from signaling.server.events import ServerEvent, tell
from signaling.server.frames import Fault, read_first
from signaling.server.limits import Limits
from signaling.server.metrics import metrics_route
from signaling.server.origins import OriginPolicy
from signaling.server.requests import chosen_subprotocol, join_request
from signaling.server.rooms import Admitted, Charge, Disconnect, Effects, Refused, Wake
from signaling.server.statistics import Statistics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence

    from starlette.routing import BaseRoute

    from signaling.server.access import Authorize
    from signaling.server.backplane import Backplane
    from signaling.server.rooms import ConnectionId
    from signaling.server.turn import TurnSecret

#: WebSocket close codes of a member that does not come back; a browser that leaves a page
#: sends 1001 (RFC 6455 section 7.4.1).
_LEFT = frozenset({1000, 1001})
#: Seconds that members have to read what waits for them before the server stops (ours).
_DRAIN_TIMEOUT = 5.0


def create_app(
    *,
    limits: Limits | None = None,
    origins: Collection[str] = (),
    hosts: Collection[str] = (),
    ice_servers: Sequence[IceServer | TurnSecret] = (),
    authorize: Authorize = everybody,
    backplane: Backplane | None = None,
    metrics: bool = False,
) -> RoomApp:
    """Create a room server: an ASGI app with a WebSocket at `/ws` that speaks docs/SIGNALING.md.

    The client for web pages stands beside it, `/handfast-client.js` (docs/CLIENT.md). Serve both
    alone, `handfast serve`, or inside another ASGI program,
    `Mount("/signaling", create_app())`. A server of your own collects a message before the app sees
    any of it: give uvicorn `--ws-max-size 327680` and a `--limit-concurrency`, or a few clients
    fill its memory with messages that never end. It needs no lifespan and starts no tasks of its
    own. Rooms live in this process: run one worker, or share them by a `RedisBackplane`, which is
    closed with the app where that is served alone.

    Args:
        limits: The bounds; `Limits()` where it is None.
        origins: Origins of pages that may connect besides the server's own, for example
            `"https://example.org"`; `"*"` lets every page connect. Programs that send no `Origin`
            may always connect: the check protects people's browsers, not the rooms.
        hosts: Names of this server, under which its own pages reach it, such as `"example.org"`.
            `localhost` and IP addresses need not be named.
        ice_servers: STUN and TURN servers that members are told of as they join. From a
            `TurnSecret` each member gets a credential of its own that runs out.
        authorize: Awaited for each end that asks to join, or to return to its session, before
            anything else of it is read; `JwtAuthorizer` is one. Everybody may join by default.
        backplane: Keeps the rooms, one object for each app; this process alone where it is None.
        metrics: Serve the server's numbers at `/metrics`, for Prometheus and whoever asks.

    Raises:
        ImportError: `metrics` without prometheus-client (`pip install handfast[metrics]`).
    """
    server = _RoomServer(
        limits or Limits(),
        OriginPolicy(origins=frozenset(origins), hosts=frozenset(hosts)),
        tuple(ice_servers),
        authorize,
        backplane or InProcessBackplane(),
    )
    routes: list[BaseRoute] = [WebSocketRoute("/ws", server.serve), *client_routes()]
    if metrics:
        routes.append(metrics_route(server.statistics, server.load))
    return RoomApp(server, routes)


class RoomApp(Starlette):
    """The ASGI app of a room server; made by `create_app`."""

    def __init__(self, server: _RoomServer, routes: Sequence[BaseRoute]) -> None:
        @contextlib.asynccontextmanager
        async def lifespan(_: RoomApp) -> AsyncIterator[None]:
            async with server.backplane:
                yield

        super().__init__(routes=routes, lifespan=lifespan)
        self._server = server

    async def drain(self) -> None:
        """Let all members go before the server stops, within five seconds.

        Each is sent what waits for it, and then closed with 1012, at which clients return: to their
        session where another server knows it, else to the room. Nobody else is let in any more.
        """
        await self._server.drain()


class _RoomServer:
    def __init__(
        self,
        limits: Limits,
        origins: OriginPolicy,
        ice_servers: tuple[IceServer | TurnSecret, ...],
        authorize: Authorize,
        backplane: Backplane,
    ) -> None:
        self._limits = limits
        self._origins = origins
        self._ice_servers = ice_servers
        self._authorize = authorize
        self.backplane = backplane
        self._connections: dict[ConnectionId, MemberConnection] = {}
        self._draining = False
        self._gone = asyncio.Event()
        self.statistics = Statistics()
        self.load = backplane.load
        backplane.bind(limits, self._servers_for, self._apply)

    async def drain(self) -> None:
        self._draining = True
        for connection in self._connections.values():
            connection.let_go()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_TIMEOUT):
                while self._connections:
                    self._gone.clear()
                    await self._gone.wait()
        # Of one that reads nothing, or has sent more than was read of it yet.
        for connection in self._connections.values():
            connection.give_up()

    def _servers_for(self, member: str) -> tuple[IceServerEntry, ...]:
        now = time.time()
        return tuple(
            IceServerEntry.of(
                each if isinstance(each, IceServer) else each.server_for(member, now=now)
            )
            for each in self._ice_servers
        )

    async def serve(self, websocket: WebSocket) -> None:
        headers = websocket.headers
        refusal = self._origins.refusal(origin=headers.get("origin"), host=headers.get("host", ""))
        if refusal is not None:
            self.statistics.refused_pages += 1
            tell(ServerEvent.PAGE_REFUSED, reason=refusal, client=_address(websocket))
            # Before it is accepted, a close is HTTP 403.
            await websocket.close()
            return
        if self._draining:
            await _send_away(websocket)
            return
        await websocket.accept(subprotocol=chosen_subprotocol(websocket))
        admitted = await self._admit(websocket)
        if admitted is None:
            return
        connection_id = admitted.connection_id
        connection = self._connections[connection_id]
        begun = asyncio.get_running_loop().time()
        close_code = None
        try:
            close_code = await connection.serve()
        finally:
            del self._connections[connection_id]
            self._gone.set()
            self.backplane.disconnect(connection_id, left=close_code in _LEFT)
            tell(
                ServerEvent.ENDED,
                member=connection_id.member,
                code=None if connection.error is None else connection.error.code.value,
                close_code=close_code,
                seconds=round(asyncio.get_running_loop().time() - begun, 3),
            )

    async def _admit(self, websocket: WebSocket) -> Admitted | None:
        try:
            async with asyncio.timeout(self._limits.join_timeout):
                frame = await receive_frame(websocket)
        except WebSocketDisconnect:
            return None
        except TimeoutError:
            await self._refuse(websocket, Error(code=ErrorCode.IDLE, reason="no join arrived"))
            return None
        outcome = await self._judge(websocket, frame)
        match outcome:
            case Refused():
                await self._refuse(websocket, outcome.error)
                return None
            case Admitted():
                if isinstance(outcome.reply, Joined):
                    self.statistics.joins += 1
                else:
                    self.statistics.resumes += 1
                connection = MemberConnection(websocket, self._limits, self.backplane, outcome)
                self._connections[outcome.connection_id] = connection
                if self._draining:
                    connection.let_go()
                return outcome
            case _:
                assert_never(outcome)

    async def _refuse(self, websocket: WebSocket, error: Error) -> None:
        self.statistics.refusals[error.code] += 1
        address = _address(websocket)
        tell(ServerEvent.REFUSED, code=error.code.value, reason=error.reason, client=address)
        await dismiss(websocket, error)

    async def _judge(self, websocket: WebSocket, frame: str | bytes) -> Admitted | Refused:
        message = read_first(frame, self._limits)
        if isinstance(message, Fault):
            return Refused(message.error)
        seat = await self.backplane.seat(message)
        if isinstance(seat, Refused):
            return seat
        rights = await self._rights(join_request(websocket, message, seat))
        if isinstance(rights, Refusal):
            return Refused(Error(code=rights.code, reason=rights.reason[:MAX_REASON]))
        if rights.name not in (None, seat.name) and isinstance(message, Resume):
            # The session's secret alone does not give one member's seat to another.
            return Refused(Error(code=ErrorCode.FORBIDDEN, reason="the seat is another's"))
        ends_at = None
        if rights.expires is not None:
            ends_at = asyncio.get_running_loop().time() + rights.expires - time.time()
        outcome = await self.backplane.admit(message, name=rights.name, ends_at=ends_at)
        if isinstance(outcome, Admitted):
            tell(
                ServerEvent.RETURNED if isinstance(message, Resume) else ServerEvent.JOINED,
                member=outcome.connection_id.member,
                room=seat.room,
                name=seat.name if rights.name is None else rights.name,
                client=_address(websocket),
            )
        return outcome

    async def _rights(self, request: JoinRequest) -> Rights | Refusal:
        try:
            async with asyncio.timeout(self._limits.join_timeout):
                return await self._authorize(request)
        except TimeoutError:
            tell(ServerEvent.NOT_JUDGED, room=request.room, reason="`authorize` took too long")
        except Exception:
            # A fault of the application lets nobody in, and is not told to strangers.
            tell(ServerEvent.NOT_JUDGED, fault=True, room=request.room, reason="`authorize` failed")
        return Refusal("this server cannot judge it at present")

    def _apply(self, effects: Effects) -> None:
        for effect in effects:
            connection = self._connections.get(effect.connection_id)
            if connection is None:
                continue
            match effect:
                case Wake():
                    connection.wake()
                case Charge(octets=octets):
                    self.statistics.messages += 1
                    self.statistics.octets += octets
                    connection.charge(octets)
                case Disconnect(error=error):
                    self.statistics.disconnects[error.code] += 1
                    connection.end(error)
                case _:
                    assert_never(effect)


async def _send_away(websocket: WebSocket) -> None:
    # HTTP 503 where the ASGI server can say it: a load balancer tries the next server.
    if "websocket.http.response" in websocket.scope.get("extensions", {}):
        await websocket.send_denial_response(PlainTextResponse("the server stops\n", 503))
    else:
        await websocket.close(SERVICE_RESTART)


def _address(websocket: WebSocket) -> str | None:
    return None if websocket.client is None else websocket.client.host
