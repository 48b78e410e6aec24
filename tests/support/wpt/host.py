"""Python's half of the bridge: what a page in JavaScript asks of handfast, and what it is told."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import json
import types
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

import peer
from media.synthetic import SyntheticAudioTrack, SyntheticVideoTrack
from peer import (
    Certificate,
    KeyType,
    PeerConfiguration,
    PeerConnection,
    SdpType,
    SessionDescription,
)
from peer.rtp.outbound.encodings import RtpEncodingParameters
from peer.rtp.outbound.send_parameters import (
    RtpEncodingOptions,
    RtpSendParameters,
    RtpSetParameterOptions,
)
from peer.rtp_parameters import RtcpParameters
from tests.support.wpt.values import Objects, candidate, error_value, ice_server

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    from tests.support.wpt.engine import JavaScript

#: Events whose argument is a value of its own rather than an object with the members.
_PLAIN_ARGUMENTS = {"message": "data", "error": "error"}

#: Messages that the page is told of before the event loop has a turn.
_AT_A_STRETCH = 32


class Host:
    """Answers the questions of one page, and tells it of events, in their order.

    Args:
        on_result: Called with name, status and message of each subtest that has ended.
        on_finished: Called with status and message of the harness when the page has ended.
        on_log: Called with each line that the page logs.
    """

    def __init__(
        self,
        *,
        on_result: Callable[[str, str, str], None],
        on_finished: Callable[[int, str], None],
        on_log: Callable[[str], None],
    ) -> None:
        self.engine: JavaScript | None = None
        self._objects = Objects()
        #: What `getParameters` gave last, by the identity of the sender or receiver.
        self._parameters: dict[int, Any] = {}
        self._on_result, self._on_finished, self._on_log = on_result, on_finished, on_log
        self._waiting: deque[object] = deque()
        self._tasks: set[asyncio.Future[Any]] = set()
        self._last_promise = 0
        self._closed = False

    async def close(self) -> None:
        """Close all that the page has left open; it is told of nothing any more."""
        self._closed = True
        for held in self._objects.every():
            if isinstance(held, PeerConnection):
                await held.close()
        for held in self._objects.every():
            if isinstance(held, SyntheticAudioTrack | SyntheticVideoTrack):
                held.stop()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def answer(self, question: str) -> str:
        """Answer a question: the name of an operation, and its arguments."""
        operation, *values = (self._objects.into(each) for each in json.loads(question))
        named = next((v for v in values[1:2] if isinstance(v, str)), operation)
        try:
            found = getattr(self, f"_do_{operation}")(*values)
            return json.dumps({"value": self._out(found, named)})
        except Exception as error:
            return json.dumps({"error": error_value(error, _W3C_NAMES.get(operation, named))})

    # Objects in general.

    def _do_get(self, of: Any, name: str) -> object:
        if not hasattr(of, name):
            return _UNDEFINED
        return getattr(of, name)

    def _do_set(self, of: Any, name: str, value: object) -> None:
        setattr(of, name, value)

    def _do_call(self, of: Any, name: str, *values: object) -> object:
        found = getattr(of, name)(*values)
        if name == "getParameters":
            self._parameters[id(of)] = found
        return found

    def _do_call_with(self, of: Any, name: str, options: dict[str, Any]) -> object:
        return getattr(of, name)(**options)

    def _do_listen(self, of: Any, events: list[str]) -> None:
        for event in events:
            self._listen(of, event)

    def _listen(self, of: Any, event: str) -> None:
        def tell(*values: Any) -> None:
            told = {"kind": "event", "ref": number, "type": event, "init": init(*values)}
            if event == "icecandidate":
                # webrtc-pc section 4.4.1.5: gathering begins once setLocalDescription has resolved,
                # whose page hears of it a turn later than a program of ours.
                asyncio.get_running_loop().call_soon(self.tell, told)
            else:
                self.tell(told)

        def init(*values: Any) -> object:
            if not values:
                return {}
            if (name := _PLAIN_ARGUMENTS.get(event)) is not None:
                return {name: self._objects.out(values[0])}
            (value,) = values
            fields = dataclasses.fields(value) if dataclasses.is_dataclass(value) else ()
            return {f.name: self._objects.out(getattr(value, f.name)) for f in fields}

        number = self._objects.number(of)
        try:
            of.on(event, tell)
        except (ValueError, AttributeError):
            # handfast has no such event: the page will wait for it in vain.
            return

    # Of the page.

    def _do_timer(self, id_: int, delay: float) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(max(0.0, delay) / 1000, self.tell, {"kind": "timer", "id": id_})

    def _do_log(self, line: str) -> None:
        self._on_log(line)

    def _do_result(self, name: str, status: str, message: str) -> None:
        self._on_result(name, status, message)

    def _do_finished(self, status: int, message: str) -> None:
        self._on_finished(status, message)

    def _do_track(self, kind: str) -> object:
        if kind == "audio":
            return SyntheticAudioTrack()
        return SyntheticVideoTrack(width=320, height=240, rate=15)

    def _do_stream(self, tracks: list[Any]) -> peer.MediaStream:
        return peer.MediaStream(tracks)

    # What has another form in Python.

    def _do_connection(self, given: dict[str, Any]) -> PeerConnection:
        return PeerConnection(_configuration(given, PeerConfiguration()))

    def _do_configure(self, connection: Any, given: dict[str, Any]) -> object:
        return connection.setConfiguration(_configuration(given, PeerConfiguration()))

    def _do_close(self, connection: PeerConnection) -> None:
        self._begin(connection.close())

    def _do_stop(self, transceiver: Any) -> None:
        self._begin(transceiver.stop())

    def _do_describe(self, of: Any, name: str, given: dict[str, str] | None) -> object:
        description = None if given is None else _description(given)
        return getattr(of, name)(description)

    def _do_candidate(self, connection: PeerConnection, given: dict[str, Any]) -> object:
        return connection.addIceCandidate(candidate(given))

    def _do_value(self, name: str, given: dict[str, Any]) -> object:
        return getattr(peer, name)(**given)

    def _do_transceiver(self, connection: Any, what: object, options: dict[str, Any]) -> object:
        given = {name: value for name, value in options.items() if value is not None}
        if "sendEncodings" in given:
            encodings = given["sendEncodings"]
            given["sendEncodings"] = [_encoding(each) for each in encodings]
        return connection.addTransceiver(what, **given)

    def _do_channel(self, connection: Any, label: str, options: dict[str, Any]) -> object:
        return connection.createDataChannel(label, **options)

    def _do_certificate(self, algorithm: dict[str, Any]) -> object:
        async def made() -> Certificate:
            return Certificate.generate(_key_type(algorithm))

        return made()

    def _do_capabilities(self, name: str, kind: str) -> Any:
        return getattr(peer, name).getCapabilities(kind)

    def _do_prefer(self, transceiver: Any, codecs: list[dict[str, Any]]) -> None:
        transceiver.setCodecPreferences([_capability(each) for each in codecs])

    def _do_extend(self, transceiver: Any, given: list[dict[str, Any]]) -> None:
        transceiver.setHeaderExtensionsToNegotiate(
            [peer.RtpHeaderExtensionCapability(**each) for each in given]
        )

    def _do_parameters(self, sender: Any, given: dict[str, Any], key_frames: list[bool]) -> object:
        # To ask again would begin another transaction.
        last = self._parameters.get(id(sender)) or sender.getParameters()
        for name in ("transactionId", "encodings", "headerExtensions", "codecs", "rtcp"):
            if name not in given and name in ("transactionId", "encodings"):
                raise TypeError(f"{name} is missing")
        extensions = tuple(
            self._same(each, last.headerExtensions) for each in given.get("headerExtensions", ())
        )
        return sender.setParameters(
            RtpSendParameters(
                transactionId=given["transactionId"],
                encodings=[_encoding(each) for each in given["encodings"]],
                headerExtensions=extensions,
                codecs=tuple(self._same(each, last.codecs) for each in given.get("codecs", ())),
                rtcp=RtcpParameters(**given.get("rtcp", {})),
            ),
            RtpSetParameterOptions(
                encodingOptions=[RtpEncodingOptions(keyFrame=each) for each in key_frames]
            ),
        )

    def _same(self, given: Any, known: Any) -> Any:
        """Find the value that JavaScript had from us; what it made itself stays as it is."""
        return next((each for each in known if self._objects.out(each) == given), given)

    # Promises and events.

    def tell(self, message: object) -> None:
        """Tell the page of something, in its own turn."""
        if self._closed or self.engine is None:
            return
        self._waiting.append(message)
        if len(self._waiting) > 1:
            # Its turn comes after those before it.
            return
        if self.engine.running:
            asyncio.get_running_loop().call_soon(self._deliver)
            return
        self._deliver()

    def _deliver(self) -> None:
        for _ in range(_AT_A_STRETCH):
            if not self._waiting or self._closed or self.engine is None:
                return
            # It stays in the queue meanwhile: what comes now waits for its turn.
            error = self.engine.deliver(self._waiting[0])
            self._waiting.popleft()
            if error is not None:
                self._on_log(f"uncaught: {error}")
        # A page that asks on and on does not stop the event loop.
        asyncio.get_running_loop().call_soon(self._deliver)

    def _out(self, found: object, operation: str) -> object:
        if found is _UNDEFINED:
            return {"$undefined": True}
        if inspect.isawaitable(found):
            return self._promise(found, operation)
        return self._objects.out(found)

    def _promise(self, awaitable: Any, operation: str) -> Any:
        """Begin an operation, as `await` does: up to its first wait nothing else runs.

        An error of that first step rejects the promise at once; the value waits for its turn
        behind the events of the operation.
        """
        self._last_promise += 1
        number, refused, at_once = self._last_promise, list[Any](), True
        told = len(self._waiting)

        async def run() -> None:
            message: dict[str, Any] = {"kind": "settle", "promise": number}
            try:
                message["value"] = self._objects.out(await awaitable)
            except Exception as error:
                message["error"] = error_value(error, operation)
                if at_once and len(self._waiting) == told:
                    refused.append(message["error"])
                    return
            self.tell(message)

        self._keep(start(run()))
        at_once = False
        return {"$rejected": refused[0]} if refused else {"$promise": number}

    def _begin(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Start what has no promise in JavaScript: an error of its first step is raised here."""
        failed: list[Exception] = []

        async def run() -> None:
            try:
                await coroutine
            except Exception as error:
                failed.append(error)

        self._keep(start(run()))
        if failed:
            raise failed[0]

    def _keep(self, task: asyncio.Future[Any]) -> asyncio.Future[Any]:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


#: Operations whose W3C name is not their first argument.
_W3C_NAMES = {
    "connection": "RTCPeerConnection",
    "configure": "setConfiguration",
    "transceiver": "addTransceiver",
    "channel": "createDataChannel",
    "parameters": "setParameters",
    "certificate": "generateCertificate",
    "capabilities": "getCapabilities",
    "prefer": "setCodecPreferences",
}
_UNDEFINED = object()


def start(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Run a coroutine up to its first wait now, as `await` would, and the rest as a task."""
    loop = asyncio.get_running_loop()
    steps: list[Any] = []
    task = loop.create_task(_resumed(coroutine, steps))
    present = asyncio.current_task()
    if present is not None:
        asyncio._leave_task(loop, present)  # noqa: SLF001 - for implementers of tasks, says asyncio
    asyncio._enter_task(loop, task)  # noqa: SLF001 - likewise
    try:
        steps.append(coroutine.send(None))
    except BaseException as error:
        steps.append(error)
    finally:
        asyncio._leave_task(loop, task)  # noqa: SLF001 - likewise
        if present is not None:
            asyncio._enter_task(loop, present)  # noqa: SLF001 - likewise
    return task


@types.coroutine
def _resumed(coroutine: Coroutine[Any, Any, Any], steps: list[Any]) -> Generator[Any, Any, Any]:
    step = steps.pop()
    if isinstance(step, StopIteration):
        return step.value
    if isinstance(step, BaseException):
        raise step
    while True:
        try:
            value = yield step
        except BaseException as error:
            # As below: a coroutine may go on after what is thrown into it.
            go_on = partial(coroutine.throw, error)
        else:
            go_on = partial(coroutine.send, value)
        try:
            step = go_on()
        except StopIteration as end:
            return end.value


def _description(given: dict[str, str]) -> SessionDescription:
    return SessionDescription(given["sdp"], SdpType(given["type"]))


def _encoding(given: dict[str, Any]) -> RtpEncodingParameters:
    known = {f.name for f in dataclasses.fields(RtpEncodingParameters)}
    members = {name: value for name, value in given.items() if name in known}
    if members.get("rid") is not None:
        members["rid"] = str(members["rid"])
    if isinstance(members.get("codec"), dict):
        members["codec"] = _capability(members["codec"])
    return RtpEncodingParameters(**members)


#: Fields of a configuration that the W3C does not have, of one word.
_OURS = {"ice", "interfaces", "sdes", "trace", "trust"}


def _configuration(given: dict[str, Any], before: PeerConfiguration) -> PeerConfiguration:
    # What is ours and not the W3C's comes back from `getConfiguration` as JSON.
    known = {f.name for f in dataclasses.fields(before) if "_" not in f.name} - _OURS
    members = {name: value for name, value in given.items() if name in known and value is not None}
    if "rtcpMuxPolicy" in given:
        members["rtcp_mux"] = given["rtcpMuxPolicy"]
    if "iceServers" in members:
        members["iceServers"] = [ice_server(each) for each in members["iceServers"]]
    return PeerConfiguration(**members)


def _capability(given: dict[str, Any]) -> peer.RtpCodec:
    names = ("mimeType", "clockRate", "channels", "sdpFmtpLine")
    return peer.RtpCodec(**{name: given.get(name) for name in names})  # type: ignore[arg-type] # checked there


def _key_type(algorithm: dict[str, Any]) -> KeyType:
    match algorithm:
        case {"name": "ECDSA", "namedCurve": "P-256"}:
            return KeyType.ECDSA_P256
        case {"name": "RSASSA-PKCS1-v1_5"}:
            return KeyType.RSA_2048
        case _:
            raise peer.ConfigurationError(f"no certificate is made with {algorithm}")
