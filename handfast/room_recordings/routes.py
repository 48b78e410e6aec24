"""HTTP of recordings of rooms: who may ask for one, how far it is, its end and its files."""

from __future__ import annotations

import logging
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import quote

import msgspec
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from handfast.room_page import RECORDINGS_PATH
from handfast.room_recordings.keeper import RecordingRefusal, RecordingRefusedError
from handfast.room_recordings.room_recording import RecordingEnd, RecordingLayout
from peer.printable import printable
from signaling.messages import Resume
from signaling.server.access import JoinRequest, Refusal
from signaling.server.rooms import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from handfast.room_recordings.keeper import RoomRecordings
    from handfast.room_recordings.room_recording import RoomRecording
    from signaling.server import Authorize, Backplane

_logger = logging.getLogger(__name__)

#: Most octets of a request's body (ours): a token has at most 4,096 characters.
_LONGEST_BODY: Final = 16_384
_STATUS: Final = MappingProxyType(
    {
        RecordingRefusal.NOT_A_MEMBER: HTTPStatus.FORBIDDEN,
        RecordingRefusal.FORBIDDEN: HTTPStatus.FORBIDDEN,
        RecordingRefusal.RUNNING: HTTPStatus.CONFLICT,
        RecordingRefusal.FULL: HTTPStatus.SERVICE_UNAVAILABLE,
        RecordingRefusal.DISK: HTTPStatus.INSUFFICIENT_STORAGE,
    }
)


class RecordingOffer(msgspec.Struct, frozen=True):
    """Answer that says whether rooms of this server can be recorded.

    Args:
        available: Whether they can.
        longest: Seconds after which a recording ends by itself.
        kept_for: Seconds for which it can be downloaded after that.
    """

    available: bool
    longest: float
    kept_for: float = msgspec.field(name="keptFor")


class RecordingOrder(msgspec.Struct, frozen=True):
    """Request of a member of a room that it be recorded.

    Args:
        session: Secret of the member's session, which shows who and where it is.
        token: As for a return to the room, where rooms ask for tokens.
        layout: How the people of the room become files.
    """

    session: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    token: Annotated[str, msgspec.Meta(max_length=4096)] | None = None
    layout: RecordingLayout = RecordingLayout.GRID


class RecordedFile(msgspec.Struct, frozen=True):
    """A file of a recording.

    Args:
        name: The name to save it under.
        url: Its address, relative to that of the recording.
        seconds: Its duration.
        size: In octets.
    """

    name: str
    url: str
    seconds: float
    size: int


class RoomRecordingStatus(msgspec.Struct, frozen=True):
    """State and files of a recording, as its page is told.

    Args:
        ticket: Its address, below that of all recordings.
        seconds: Recorded duration so far.
        size: Size of all files so far in octets.
        done: Whether its files are complete.
        end: Why it ended; None while it runs.
        notes: Sentences, without their stop, about what could not be recorded.
        files: The files, once they are complete.
        kept_for: Seconds for which they can be downloaded.
    """

    ticket: str
    seconds: float
    size: int
    done: bool
    end: RecordingEnd | None
    notes: tuple[str, ...]
    files: tuple[RecordedFile, ...]
    kept_for: float = msgspec.field(name="keptFor")


class RecordingRefusalMessage(msgspec.Struct, frozen=True):
    """Answer to a request that is refused.

    Args:
        code: Why.
        reason: One sentence, without its stop.
    """

    code: RecordingRefusal
    reason: str


def recording_routes(
    recordings: RoomRecordings, *, backplane: Backplane, authorize: Authorize
) -> Sequence[BaseRoute]:
    """Create the routes of recordings.

    Args:
        recordings: Keeps them.
        backplane: Knows the sessions of the members of rooms.
        authorize: Judges their rights.
    """
    desk = _Desk(recordings, backplane, authorize)
    return (
        Route(RECORDINGS_PATH, desk.offer),
        Route(RECORDINGS_PATH, desk.order, methods=["POST"]),
        Route(f"{RECORDINGS_PATH}/{{ticket}}", desk.look),
        Route(f"{RECORDINGS_PATH}/{{ticket}}", desk.stop, methods=["DELETE"]),
        Route(f"{RECORDINGS_PATH}/{{ticket}}/{{number:int}}", desk.download),
    )


class _Desk:
    """Takes orders, and hands out what came of them."""

    def __init__(
        self, recordings: RoomRecordings, backplane: Backplane, authorize: Authorize
    ) -> None:
        self._recordings = recordings
        self._backplane = backplane
        self._authorize = authorize

    async def offer(self, _: Request) -> Response:
        bounds = self._recordings.bounds
        return _json(
            RecordingOffer(available=True, longest=bounds.longest, kept_for=bounds.kept_for)
        )

    async def order(self, request: Request) -> Response:
        body = await _body(request)
        if body is None:
            return Response(status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        try:
            order = msgspec.json.decode(body, type=RecordingOrder)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        try:
            recording = await self._begin(request, order)
        except RecordingRefusedError as refused:
            facts = {"code": refused.refusal.value, "reason": printable(refused.reason)}
            extra = {"event": "recording refused", "facts": facts}
            _logger.info("recording refused: %s", facts["reason"], extra=extra)
            message = RecordingRefusalMessage(refused.refusal, refused.reason)
            return _json(message, _STATUS[refused.refusal])
        return _json(self._status(recording), HTTPStatus.CREATED)

    async def look(self, request: Request) -> Response:
        recording = self._recordings.find(request.path_params["ticket"])
        if recording is None:
            return Response(status_code=HTTPStatus.NOT_FOUND)
        self._recordings.watch(recording)
        return _json(self._status(recording))

    async def stop(self, request: Request) -> Response:
        recording = self._recordings.find(request.path_params["ticket"])
        if recording is None:
            return Response(status_code=HTTPStatus.NOT_FOUND)
        recording.finish(RecordingEnd.STOPPED)
        await recording.done()
        return _json(self._status(recording))

    async def download(self, request: Request) -> Response:
        recording = self._recordings.find(request.path_params["ticket"])
        number = request.path_params["number"]
        if recording is None or not recording.is_done or number >= len(recording.files):
            return Response(status_code=HTTPStatus.NOT_FOUND)
        path = recording.files[number].path
        # Whoever looks at the browser's cache is not who was given the address.
        headers = {"Cache-Control": "no-store"}
        return FileResponse(path, media_type="video/webm", filename=path.name, headers=headers)

    async def _begin(self, request: Request, order: RecordingOrder) -> RoomRecording:
        message = Resume(session=order.session, received=0, token=order.token)
        seat = await self._backplane.seat(message)
        if isinstance(seat, Refused):
            raise RecordingRefusedError(
                RecordingRefusal.NOT_A_MEMBER, "who asks is in no room of this server"
            )
        rights = await self._authorize(
            JoinRequest(
                room=seat.room,
                name=seat.name,
                token=order.token,
                returns=True,
                headers=dict(request.headers),
                cookies=request.cookies,
                query=dict(request.query_params),
            )
        )
        if isinstance(rights, Refusal):
            raise RecordingRefusedError(RecordingRefusal.FORBIDDEN, rights.reason)
        if not rights.record or rights.name not in (None, seat.name):
            raise RecordingRefusedError(
                RecordingRefusal.FORBIDDEN, "the token does not give the right to record"
            )
        return self._recordings.begin(room=seat.room, asker=seat.name, layout=order.layout)

    def _status(self, recording: RoomRecording) -> RoomRecordingStatus:
        files = enumerate(recording.files if recording.is_done else ())
        return RoomRecordingStatus(
            ticket=recording.ticket,
            seconds=recording.seconds,
            size=recording.size,
            done=recording.is_done,
            end=recording.end,
            notes=tuple(recording.notes),
            files=tuple(
                RecordedFile(
                    name=file.path.name,
                    url=f"{quote(recording.ticket)}/{number}",
                    seconds=file.duration,
                    size=file.size,
                )
                for number, file in files
            ),
            kept_for=self._recordings.kept_for(recording),
        )


async def _body(request: Request) -> bytes | None:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_BODY:
            return None
    return body


def _json(message: msgspec.Struct, status: int = HTTPStatus.OK) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(msgspec.json.encode(message), status, headers, media_type="application/json")
