"""DTMF of a call: in its audio where that was agreed on (RFC 4733), else in INFO requests."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from peer.errors import InvalidStateError
from signaling.sip.errors import SipUsageError
from signaling.tasks import first_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from peer import PeerConnection
    from peer.events import TrackEvent
    from peer.rtp.outbound.dtmf_sender import DtmfSender, ToneChangeEvent
    from signaling.sip.invite_session import InviteSession

#: Tones that wait for a reader (ours).
_MOST: Final = 64
_TONES: Final = frozenset("0123456789*#ABCD,")
#: Character of a pause, and its duration in seconds (W3C webrtc-pc section 7).
_PAUSE: Final = ","
_PAUSE_LENGTH: Final = 2.0
#: Seconds that the last tone may be late (ours), before it is known not to be sent any more.
_LATE: Final = 10.0


class CallTones:
    """Tones of one call, both ways.

    Args:
        session: Session of the call.
        flush: Sends what the session has to send.
        on_tone: Called with each tone that came.
    """

    def __init__(
        self, session: InviteSession, flush: Callable[[], None], on_tone: Callable[[str], object]
    ) -> None:
        self._session = session
        self._flush = flush
        self._on_tone = on_tone
        self._connection: PeerConnection | None = None
        self._readers: set[asyncio.Task[None]] = set()
        self._received: deque[str] = deque(maxlen=_MOST)
        self._changed = asyncio.Event()
        self._over = asyncio.Event()

    def listen(self, connection: PeerConnection) -> None:
        """Read the tones in the audio of a connection."""
        self._connection = connection
        connection.on("track", self._on_track)

    def take(self, tone: str) -> None:
        """Take a tone that came."""
        self._received.append(tone)
        self._changed.set()
        self._on_tone(tone)

    async def received(self) -> AsyncIterator[str]:
        """Yield each tone, those that wait already first, until the call is over."""
        while True:
            while self._received:
                yield self._received.popleft()
            if self._over.is_set():
                return
            self._changed.clear()
            await self._changed.wait()

    async def send(self, tones: str, *, duration: float, gap: float) -> None:
        """Send tones, and return when the last one is over, or the call is.

        Args:
            tones: Characters `0` to `9`, `A` to `D`, `#`, `*`, and `,` for a pause of two seconds.
            duration: Seconds of each tone.
            gap: Seconds between two tones.

        Raises:
            SipUsageError: A character is no tone, or the call is not established.
        """
        upper = tones.upper()
        if unknown := [each for each in tones if each.upper() not in _TONES]:
            raise SipUsageError(f"{unknown[0]!r} is no tone of a telephone")
        sender = self._sender()
        if sender is not None:
            await _play(sender, upper, duration=duration, gap=gap, over=self._over)
            return
        for tone in upper:
            if self._over.is_set():
                return
            if tone == _PAUSE:
                await asyncio.sleep(_PAUSE_LENGTH)
                continue
            self._session.send_tone(tone, milliseconds=round(1000 * duration))
            self._flush()
            await asyncio.sleep(duration + gap)

    def end(self) -> None:
        """Take no more tones; those that wait can still be taken."""
        self._over.set()
        self._changed.set()

    async def close(self) -> None:
        """Take no more tones, and end what reads them."""
        self.end()
        if self._connection is not None:
            self._connection.remove_listener("track", self._on_track)
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)

    def _sender(self) -> DtmfSender | None:
        senders = [] if self._connection is None else self._connection.getSenders()
        found = (sender.dtmf for sender in senders if sender.dtmf is not None)
        return next((dtmf for dtmf in found if dtmf.canInsertDTMF), None)

    def _on_track(self, event: TrackEvent) -> None:
        if event.track.kind != "audio" or event.resumed or self._over.is_set():
            return
        reader = asyncio.create_task(self._read(event), name="tones of a SIP call")
        self._readers.add(reader)
        reader.add_done_callback(self._readers.discard)

    async def _read(self, event: TrackEvent) -> None:
        async for tone in event.receiver.tones():
            self.take(tone.tone)


async def _play(
    dtmf: DtmfSender, tones: str, *, duration: float, gap: float, over: asyncio.Event
) -> None:
    played = asyncio.Event()

    def note(change: ToneChangeEvent) -> None:
        if not change.tone:
            played.set()

    dtmf.on("tonechange", note)
    try:
        dtmf.insertDTMF(tones, round(1000 * duration), round(1000 * gap))
        if tones:
            length = sum(_PAUSE_LENGTH if each == _PAUSE else duration + gap for each in tones)
            async with asyncio.timeout(length + _LATE):
                await first_of(played.wait(), over.wait())
    except InvalidStateError as error:
        raise SipUsageError(str(error)) from error
    except TimeoutError as error:
        raise SipUsageError("the audio that the tones were sent in is over, or held") from error
    finally:
        dtmf.remove_listener("tonechange", note)
