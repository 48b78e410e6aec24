"""One call with one page: its media is sent back, and reported on every second."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import msgspec

from handfast.demo.changes import Changes, PathWatch
from handfast.demo.live import LADDER, LiveLadder
from handfast.demo.page_recorder import PageRecorder
from media import EchoTrack, OverlayTrack, ToneMeter
from peer import PeerConnection, TransportError
from peer.runtime.transport_statistics import TransportStats
from peer.tracing.events import Fanout
from peer.values import replace
from signaling import Negotiator
from signaling.loss import Loss
from signaling.tasks import first_of

if TYPE_CHECKING:
    from handfast.demo.clips import ClipFolder
    from peer import DataChannel, DataChannelEvent, MediaStreamTrack, PeerConfiguration, TrackEvent
    from peer.tracing.file import TraceWriter
    from signaling import PeerChannel

#: Seconds between two reports (ours).
_REPORT_INTERVAL: Final = 1.0
#: Most bytes that wait on a data channel (ours); a page that does not read gets no more.
_MAX_BUFFERED: Final = 64 * 1024


class PictureReport(msgspec.Struct, frozen=True):
    """Size in pixels and frame count of the received video, as it is decoded."""

    width: int
    height: int
    frames: int


class SoundReport(msgspec.Struct, frozen=True):
    """Strongest tone in Hz (None in silence) and level in dBFS of the received audio."""

    pitch: float | None
    level: float


class TransportReport(msgspec.Struct, frozen=True, rename="camel"):
    """Statistics of our end of the DTLS association, under the names of webrtc-stats."""

    dtls_role: str
    tls_version: str | None
    dtls_cipher: str | None
    srtp_cipher: str | None


class Report(msgspec.Struct, frozen=True):
    """Message of the data channel `report`, sent to the page as JSON."""

    picture: PictureReport | None
    sound: SoundReport | None
    transport: TransportReport | None


class Visit:
    """The call of one page, from its first message until it leaves.

    Args:
        channel: Signalling channel to the page.
        configuration: Configuration of the connection.
        timeout: Seconds until the connection has to be there.
        clips: Folder for the recording that the page may ask for.
        trace: File for the trace of the call, readable while the call goes on.
    """

    def __init__(
        self,
        channel: PeerChannel,
        configuration: PeerConfiguration,
        *,
        timeout: float,
        clips: ClipFolder,
        trace: TraceWriter | None = None,
    ) -> None:
        self._channel = channel
        self._timeout = timeout
        self._trace = trace
        self._ladder = LiveLadder(lambda text: channel.note(label=LADDER, text=text))
        paths = PathWatch()
        sinks = (self._ladder.buffer, paths, *(() if trace is None else (trace,)))
        self.connection = PeerConnection(replace(configuration, trace=Fanout(*sinks)))
        self._changes = Changes(self.connection, paths)
        self._recorder = PageRecorder(clips)
        self._overlay: OverlayTrack | None = None
        self._meter: ToneMeter | None = None
        self._reports: DataChannel | None = None
        self._loss = Loss(self.connection)
        self.connection.on("track", self._on_track)
        self.connection.on("datachannel", self._on_channel)

    def __repr__(self) -> str:
        return f"<Visit {self._channel!r} {self.connection!r}>"

    async def run(self) -> None:
        """Serve the page until it leaves.

        Raises:
            PeerError: The page cannot be reached, or no longer.
            SignalingError: The channel broke, or the page and Python cannot agree.
            TimeoutError: The page made no call.
        """
        async with self.connection:
            # A page listens before it sends, and joins after us: it is the polite peer.
            negotiator = Negotiator(self.connection, self._channel, polite=self._channel.polite)
            await first_of(
                negotiator.run(),
                self._watch(),
                self._report(),
                self._ladder.run(),
                self._changes.run(),
                self._recorder.run(),
            )

    async def report(self) -> Report:
        """Measure the media that arrives from the page at present."""
        return Report(
            picture=self._picture(), sound=self._sound(), transport=await self._transport()
        )

    def _on_track(self, event: TrackEvent) -> None:
        self._recorder.add_track(event.track)
        returned = self._returned(event.track)
        if returned is not None:
            self.connection.addTrack(returned)

    def _returned(self, track: MediaStreamTrack) -> MediaStreamTrack | None:
        """Create the track to send back, for the first track of each kind."""
        if track.kind == "video" and self._overlay is None:
            self._overlay = OverlayTrack(track)
            return self._overlay
        if track.kind == "audio" and self._meter is None:
            self._meter = ToneMeter()
            return EchoTrack(track, observe=self._meter.hear)
        return None

    def _on_channel(self, event: DataChannelEvent) -> None:
        channel = event.channel
        match channel.label:
            case "round-trip":
                channel.on("message", lambda message: _send(channel, message))
            case "report":
                self._reports = channel
            case "ladder":
                self._ladder.attach(channel)
            case "changes":
                self._changes.attach(channel)
            case "recording":
                self._recorder.attach(channel)

    async def _watch(self) -> None:
        async with asyncio.timeout(self._timeout):
            await self.connection.connected()
        await self._loss.wait()
        raise TransportError("nothing came from the page for too long")

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(_REPORT_INTERVAL)
            if self._trace is not None:
                self._trace.flush()
            if self._reports is not None:
                _send(self._reports, msgspec.json.encode(await self.report()).decode())

    def _picture(self) -> PictureReport | None:
        overlay = self._overlay
        if overlay is None or overlay.size is None:
            return None
        width, height = overlay.size
        return PictureReport(width=width, height=height, frames=overlay.frames)

    def _sound(self) -> SoundReport | None:
        if self._meter is None:
            return None
        tone = self._meter.measure()
        return SoundReport(pitch=tone.pitch, level=tone.level)

    async def _transport(self) -> TransportReport | None:
        stats = (await self.connection.getStats()).values()
        transport = next((s for s in stats if isinstance(s, TransportStats)), None)
        if transport is None:
            return None
        return TransportReport(
            dtls_role=transport.dtlsRole,
            tls_version=transport.tlsVersion,
            dtls_cipher=transport.dtlsCipher,
            srtp_cipher=transport.srtpCipher,
        )


def _send(channel: DataChannel, message: Any) -> None:
    if channel.readyState == "open" and channel.bufferedAmount < _MAX_BUFFERED:
        channel.send(message)
