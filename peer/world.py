"""Owns what exists outside of negotiation: running transports, senders, receivers, data channels.

It carries out effects. `prepare` may fail and is then undone; `apply` cannot fail.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, assert_never

from peer.bundle import Bundle, BundleEvents, open_bundles
from peer.negotiation.effects import (
    AddCandidates,
    AnnounceTrack,
    CloseData,
    CloseTransport,
    ConfigureRtp,
    ConnectData,
    ConnectTransport,
    CreateTransceiver,
    Effect,
    OpenTransport,
    RemoveTransceiver,
    StopTransceiver,
)
from peer.transport.sctp import DataTransport

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from peer.configuration import PeerConfiguration
    from peer.identity.certificate import Certificate
    from peer.operations import TaskGroup
    from peer.transceiver import RtpTransceiver
    from peer.transport.sctp import DataChannel


class WorldEvents(BundleEvents, Protocol):
    """What the world tells the connection."""

    def make_transceiver(self, key: int) -> RtpTransceiver:
        """Make the object for a transceiver that a remote offer asked for."""

    def on_track(self, transceiver: RtpTransceiver, streams: tuple[str, ...]) -> None:
        """The peer sends on this transceiver now."""

    def on_channel(self, channel: DataChannel) -> None:
        """The peer opened a data channel."""


class World:
    """The things that effects act on, by the names that effects use.

    Args:
        configuration: For transports.
        certificate: What transports show.
        tasks: Runs what takes time to end.
        events: Who is told.
    """

    def __init__(
        self,
        configuration: PeerConfiguration,
        certificate: Certificate,
        tasks: TaskGroup,
        events: WorldEvents,
    ) -> None:
        self.bundles: dict[str, Bundle] = {}
        self.transceivers: dict[int, RtpTransceiver] = {}
        self.data: DataTransport | None = None
        self._configuration = configuration
        self._certificate = certificate
        self._tasks = tasks
        self._events = events

    def data_transport(self) -> DataTransport:
        """The one SCTP transport, made when it is first needed."""
        if self.data is None:
            self.data = DataTransport(on_channel=self._events.on_channel)
        return self.data

    async def prepare(self, effects: Sequence[OpenTransport]) -> list[Bundle]:
        """Make the transports of a plan, all or none.

        Raises:
            IceError: One cannot be made.
        """
        bundles = [
            Bundle(effect, self._certificate, self._configuration, self._events)
            for effect in effects
        ]
        try:
            await open_bundles(bundles)
        except BaseException:
            await self.discard(bundles)
            raise
        return bundles

    async def discard(self, bundles: Iterable[Bundle]) -> None:
        """Undo `prepare`."""
        await asyncio.gather(*(bundle.close() for bundle in bundles))

    def adopt(self, bundles: Iterable[Bundle]) -> None:
        """The plan was committed: its transports are ours."""
        for bundle in bundles:
            self.bundles[bundle.key] = bundle

    def apply(self, effects: Iterable[Effect]) -> None:
        """Carry out what a committed plan asks for."""
        for effect in effects:
            self._apply(effect)

    async def close(self) -> None:
        """End everything: first what sends, then what carries it."""
        await asyncio.gather(*(self._end(t) for t in self.transceivers.values()))
        if self.data is not None:
            await self.data.close()
        await self.discard(self.bundles.values())

    def _apply(self, effect: Effect) -> None:
        match effect:
            case OpenTransport():
                raise AssertionError("transports are opened by prepare")
            case ConnectTransport(key=key):
                self.bundles[key].connect(effect)
            case AddCandidates(key=key):
                self.bundles[key].add_candidates(effect)
            case CloseTransport(key=key):
                bundle = self.bundles.pop(key)
                self._tasks.spawn(bundle.close(), f"close transport {key}")
            case CreateTransceiver(transceiver=key):
                self.transceivers[key] = self._events.make_transceiver(key)
            case RemoveTransceiver(transceiver=key) | StopTransceiver(transceiver=key):
                self._end_soon(key, removed=isinstance(effect, RemoveTransceiver))
            case ConfigureRtp(transport=key):
                self.bundles[key].when_connected(lambda: self._configure(effect))
            case AnnounceTrack(transceiver=key, streams=streams):
                self._events.on_track(self.transceivers[key], streams)
            case ConnectData(transport=key):
                self._connect_data(self.bundles[key], effect)
            case CloseData():
                if self.data is not None:
                    self._tasks.spawn(self.data.close(), "close data channels")
            case _:
                assert_never(effect)

    def _configure(self, effect: ConfigureRtp) -> None:
        bundle = self.bundles.get(effect.transport)
        transceiver = self.transceivers.get(effect.transceiver)
        if bundle is None or transceiver is None or transceiver.stopped:
            return
        sender, receiver, face = transceiver.sender, transceiver.receiver, bundle.secure.face
        if sender.started:
            sender.update(effect.send)
        elif effect.send is not None:
            sender.start(face, effect.send)
        if receiver.started:
            receiver.update(effect.receive)
        elif effect.receive is not None:
            receiver.start(face, effect.receive, sender.ssrc)

    def _connect_data(self, bundle: Bundle, effect: ConnectData) -> None:
        data = self.data_transport()
        bundle.data = data
        bundle.when_connected(
            lambda: data.start(
                bundle.secure.face,
                remote_port=effect.remote_port,
                remote_max_message_size=effect.remote_max_message_size,
            )
        )

    def _end_soon(self, key: int, *, removed: bool) -> None:
        transceiver = self.transceivers.get(key)
        if transceiver is not None:
            self._tasks.spawn(self._end(transceiver), f"end transceiver {key}")
        if removed:
            self.transceivers.pop(key, None)

    async def _end(self, transceiver: RtpTransceiver) -> None:
        await transceiver.sender.stop()
        await transceiver.receiver.stop()
