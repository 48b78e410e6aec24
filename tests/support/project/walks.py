"""The walks of ARCHITECTURE.md: which files run for an offer, a datagram, a frame and a rekey.

`python -m tests.support.project.walks` writes the lists between their marks anew; with `--count`
it prints how many files and functions each walk has. The lists are what ran: real connections on
the loopback, watched by `sys.setprofile`. `tests/integration/test_walks.py` keeps them true.

Who is faster differs from run to run. So what is listed keeps its place as long as it ran in any of
some walks, and what is new comes in where it ran in all: written again, the lists are the same.
"""

from __future__ import annotations

import asyncio
import re
import sys
import threading
from collections import Counter
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any, TypeVar

from media import Recorder, SyntheticVideoTrack
from peer import (
    IceConnectionState,
    MediaStreamTrack,
    PeerConfiguration,
    PeerConnection,
    SessionDescription,
    TrackEvent,
)
from peer.rtp.encoding.worker import threads_of
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connections import until

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "ARCHITECTURE.md"

_PEER = (f"{ROOT}/peer/",)
_PEER_AND_MEDIA = (*_PEER, f"{ROOT}/media/")
_T = TypeVar("_T")
#: Datagrams that are watched; the walk that most of them go is the one that counts.
_DATAGRAMS = 9
#: Frames that are watched on their way out, or into a file.
_FRAMES = 15


class Walk(StrEnum):
    """A walk, by the name of its marks in ARCHITECTURE.md."""

    OFFER = "an offer out"
    ANSWER = "an offer in, an answer out"
    DATAGRAM = "a datagram to an encoded frame"
    FRAME = "a frame out"
    REKEY_ASKING = "a rekey at the end that asks"
    REKEY_ANSWERING = "a rekey at the end that answers"
    RECORDING = "a recording"


#: Walks beside whose frames timers and feedback run: not always the same ones.
TIMED = (Walk.FRAME, Walk.RECORDING)
#: So often each walk is walked before its list is written.
_TIMES = 5


@dataclass(frozen=True)
class Ran:
    """Files and functions in the order in which they first ran."""

    files: tuple[str, ...]
    functions: int


class Watch:
    """Notes each function that is called while the watch is switched on.

    Args:
        folders: Only functions of files below these, absolute paths with a slash at the end.
    """

    def __init__(self, folders: tuple[str, ...] = _PEER) -> None:
        self._folders = folders
        self._files: dict[str, None] = {}
        self._functions: set[tuple[str, int]] = set()

    def note(self, frame: FrameType) -> None:
        """Take one call."""
        code = frame.f_code
        if code.co_filename.startswith(self._folders) and code.co_name != "<module>":
            self._files.setdefault(code.co_filename.removeprefix(f"{ROOT}/"))
            self._functions.add((code.co_filename, code.co_firstlineno))

    @property
    def ran(self) -> Ran:
        """What was noted."""
        return Ran(tuple(self._files), len(self._functions))

    @contextmanager
    def everything(self) -> Iterator[None]:
        """Note all that runs in the block, on this thread and on those that start in it."""

        def profile(frame: FrameType, event: str, _: object) -> None:
            if event == "call" and noting:
                self.note(frame)

        noting = True
        threading.setprofile(profile)
        sys.setprofile(profile)
        try:
            yield
        finally:
            noting = False
            sys.setprofile(None)
            threading.setprofile(None)


class OneCall:
    """Waits for a call of one function in which another one runs, and notes all within it.

    Args:
        entry: Last part of a file's name, and the function whose call begins the walk.
        goal: The same of the function that has to run in it.
    """

    def __init__(self, entry: tuple[str, str], goal: tuple[str, str]) -> None:
        self._entry, self._goal = entry, goal
        self._watch = Watch()
        self._inside: FrameType | None = None
        self._reached = False
        self.found: asyncio.Future[Ran] = asyncio.get_running_loop().create_future()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look for the call in the block."""
        sys.setprofile(self._profile)
        try:
            yield
        finally:
            sys.setprofile(None)

    def _profile(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            if self._inside is None and self._is(frame, self._entry):
                self._inside, self._watch, self._reached = frame, Watch(), False
            if self._inside is not None:
                self._watch.note(frame)
                self._reached = self._reached or self._is(frame, self._goal)
        elif event == "return" and frame is self._inside:
            self._inside = None
            if self._reached and not self.found.done():
                self.found.set_result(self._watch.ran)

    @staticmethod
    def _is(frame: FrameType, wanted: tuple[str, str]) -> bool:
        code = frame.f_code
        return code.co_name == wanted[1] and code.co_filename.endswith(wanted[0])


class OtherEnd:
    """The other end of a call, on a thread of its own, which a profile of this one does not see."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="other end")
        self._thread.start()

    async def do(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run something on the other thread, and wait for it here."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def stop(self) -> None:
        """End the thread, when nothing runs on it any more."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE)
        self._loop.close()


async def _connection(track: MediaStreamTrack | None = None) -> PeerConnection:
    pc = PeerConnection(PeerConfiguration(interfaces=("127.0.0.1",)))
    if track is not None:
        pc.addTrack(track)
    return pc


async def _offered(pc: PeerConnection) -> SessionDescription:
    await pc.setLocalDescription()
    return await _gathered(pc)


async def _gathered(pc: PeerConnection) -> SessionDescription:
    await pc.gathering_complete()
    description = pc.localDescription
    assert description is not None
    return description


async def _answered(pc: PeerConnection, offer: SessionDescription) -> SessionDescription:
    await pc.setRemoteDescription(offer)
    return await _offered(pc)


async def _ice_completed(pc: PeerConnection) -> None:
    """Wait for the end of the ICE checks, which media and a rekey do not wait for."""
    await until(lambda: pc.iceConnectionState is IceConnectionState.COMPLETED)
    # The task of the checks ends some turns of the event loop after the state says so.
    await asyncio.sleep(0.05)


async def offer_and_answer() -> dict[Walk, Ran]:
    """Watch an offer with a video track on its way out, and an answer to it."""
    track = SyntheticVideoTrack(width=64, height=48)
    async with await _connection(track) as offerer, await _connection() as answerer:
        out, back = Watch(), Watch()
        with out.everything():
            await offerer.setLocalDescription()
        offer = await _gathered(offerer)
        with back.everything():
            await answerer.setRemoteDescription(offer)
            await answerer.setLocalDescription()
    return {Walk.OFFER: out.ran, Walk.ANSWER: back.ran}


async def datagram() -> dict[Walk, Ran]:
    """Watch RTP packets of video, each a frame, from the socket to a reader: the usual walk."""
    other = OtherEnd()
    try:
        track = SyntheticVideoTrack(width=64, height=48)
        sender = await other.do(_connection(track))
        async with await _connection() as receiver:
            arrived: asyncio.Future[TrackEvent] = asyncio.get_running_loop().create_future()
            receiver.on("track", arrived.set_result)
            answer = await _answered(receiver, await other.do(_offered(sender)))
            await other.do(sender.setRemoteDescription(answer))
            await receiver.connected()
            frames = (await arrived).receiver.encoded_frames()
            for _ in range(5):
                await anext(frames)
            walks = [await _one_datagram() for _ in range(_DATAGRAMS)]
            await other.do(sender.close())
    finally:
        other.stop()
    # Now and then feedback is due as well, or a timer is set.
    usual = Counter(ran.files for ran in walks).most_common(1)[0][0]
    return {Walk.DATAGRAM: next(ran for ran in walks if ran.files == usual)}


async def frame() -> dict[Walk, Ran]:
    """Watch frames of a video track, from the track to the socket, from the first one on."""
    other = OtherEnd()
    try:
        receiver = await other.do(_connection())
        track = SyntheticVideoTrack(width=64, height=48)
        async with await _connection(track) as sender:
            answer = await other.do(_answered(receiver, await _offered(sender)))
            await sender.setRemoteDescription(answer)
            await sender.connected()
            await _ice_completed(sender)
            watch = Watch()
            # A profile sees no thread that runs already: the encoders get new ones.
            threads_of.cache_clear()
            with watch.everything():
                await other.do(_read(receiver, _FRAMES))
            await other.do(receiver.close())
    finally:
        other.stop()
    return {Walk.FRAME: watch.ran}


async def _read(pc: PeerConnection, count: int) -> None:
    """Read encoded frames of the only track."""
    frames = pc.getReceivers()[0].encoded_frames()
    for _ in range(count):
        await anext(frames)


async def recording(folder: Path) -> dict[Walk, Ran]:
    """Watch a video track from its receiver into a finished file."""
    other = OtherEnd()
    try:
        track = SyntheticVideoTrack(width=64, height=48)
        sender = await other.do(_connection(track))
        async with await _connection() as receiver:
            answer = await _answered(receiver, await other.do(_offered(sender)))
            await other.do(sender.setRemoteDescription(answer))
            await receiver.connected()
            await _ice_completed(receiver)
            watch = Watch(_PEER_AND_MEDIA)
            with watch.everything():
                recorder = Recorder(folder / "walk.webm")
                recorder.addTrack(receiver.getReceivers()[0])
                await recorder.start()
                await _read(receiver, _FRAMES)
                await recorder.stop()
            await other.do(sender.close())
    finally:
        other.stop()
    return {Walk.RECORDING: watch.ran}


async def _one_datagram() -> Ran:
    call = OneCall(entry=("udp.py", "drain"), goal=("readers.py", "put"))
    with call.watching():
        return await call.found


async def rekey(*, asks: bool) -> Ran:
    """Watch one end of a rekey, from the request or the offer until `rekeyed`."""
    other = OtherEnd()
    try:
        there = await other.do(_connection())
        async with await _connection() as here:
            here.addTransceiver("audio", "inactive")
            answer = await other.do(_answered(there, await _offered(here)))
            await here.setRemoteDescription(answer)
            await asyncio.gather(here.connected(), other.do(there.connected()))
            await _ice_completed(here)
            told = asyncio.Event()
            here.on("rekeyed", lambda event: told.set())
            watch = Watch()
            with watch.everything():
                if asks:
                    asked = asyncio.create_task(here.rekey(keep_path=True))
                    await asyncio.sleep(0)
                    answer = await other.do(_answered(there, await _offered(here)))
                    await here.setRemoteDescription(answer)
                    assert (await asked).changed
                else:
                    offer = await other.do(_rekey_offer(there))
                    answer = await _answered(here, offer)
                    await other.do(there.setRemoteDescription(answer))
                await told.wait()
            await other.do(there.close())
    finally:
        other.stop()
    return watch.ran


_rekeys: set[asyncio.Task[object]] = set()


async def _rekey_offer(pc: PeerConnection) -> SessionDescription:
    task: asyncio.Task[object] = asyncio.create_task(pc.rekey(keep_path=True))
    _rekeys.add(task)
    task.add_done_callback(_rekeys.discard)
    await asyncio.sleep(0)
    return await _offered(pc)


async def walk_all() -> dict[Walk, Ran]:
    """Walk each of the walks once."""
    async with asyncio.timeout(DEADLINE):
        with TemporaryDirectory() as folder:
            return {
                **await offer_and_answer(),
                **await datagram(),
                **await frame(),
                Walk.REKEY_ASKING: await rekey(asks=True),
                Walk.REKEY_ANSWERING: await rekey(asks=False),
                **await recording(Path(folder)),
            }


def listed(walk: Walk, text: str) -> list[str]:
    """Return the files that the document lists for a walk, in its order."""
    match = re.search(_block(walk), text, re.DOTALL)
    assert match, f"no marks for {walk} in ARCHITECTURE.md"
    return [
        f"{line.partition('`')[2].partition('`')[0]}{name}"
        for line in match[2].splitlines()
        for name in re.findall(r"`(\w+\.py)`", line)
    ]


def merged(before: Sequence[str], runs: Sequence[Ran]) -> list[str]:
    """Return the files of a walk in an order that depends on no single run.

    Args:
        before: Those that are listed.
        runs: What ran, each time that it was walked.
    """
    files = [file for file in before if any(file in ran.files for ran in runs)]
    place = 0
    for file in runs[0].files:
        if file in files:
            place = files.index(file) + 1
        elif all(file in ran.files for ran in runs):
            files.insert(place, file)
            place += 1
    return files


def written(walk: Walk, runs: Sequence[Ran], text: str) -> str:
    """Return the document with the list of a walk written anew."""
    files = merged(listed(walk, text), runs)
    folders: dict[str, list[str]] = {}
    for file in files:
        folder, _, name = file.rpartition("/")
        folders.setdefault(f"{folder}/", []).append(f"`{name}`")
    lines = [f"- `{folder}`: {', '.join(names)}\n" for folder, names in folders.items()]
    head = f"{len(files)} files:\n\n"
    return re.sub(
        _block(walk), lambda m: f"{m[1]}{head}{''.join(lines)}{m[3]}", text, flags=re.DOTALL
    )


def _block(walk: Walk) -> str:
    return rf"(<!-- walk: {re.escape(walk)} -->\n)(.*?)(<!-- end of the walk -->)"


def main(arguments: Sequence[str]) -> int:
    """Write the lists, or count."""
    runs = [asyncio.run(walk_all()) for _ in range(_TIMES)]
    if "--count" in arguments:
        ran = runs[0]
        both = {*ran[Walk.REKEY_ASKING].files, *ran[Walk.REKEY_ANSWERING].files}
        for walk, each in ran.items():
            sys.stdout.write(f"{walk}: {len(each.files)} files, {each.functions} functions\n")
        sys.stdout.write(f"a rekey at both ends: {len(both)} files\n")
        return 0
    text = DOCUMENT.read_text()
    for walk in Walk:
        text = written(walk, [ran[walk] for ran in runs], text)
    DOCUMENT.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
