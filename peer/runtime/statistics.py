"""Collects the statistics of a connection under the names of W3C webrtc-stats."""

from __future__ import annotations

import asyncio
import time
from dataclasses import fields
from typing import TYPE_CHECKING

from peer.errors import InvalidAccessError
from peer.rtp.codec_stats import CodecStats
from peer.rtp.moment import Moment
from peer.rtp.stats import RtpStats, RtpStatsReport, RtpStreamStats
from peer.runtime.channel_statistics import (
    DataChannelStats,
    PeerConnectionStats,
    connection_stats,
)
from peer.runtime.connection_transports import ice_role
from peer.runtime.transport_statistics import TransportEntry, transport_stats
from peer.times import UnixTime
from peer.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peer.rtp.tracks import MediaStreamTrack
    from peer.runtime.connection_transports import TransportsHost


Stats = RtpStats | TransportEntry | PeerConnectionStats | DataChannelStats
StatsReport = dict[str, Stats]


async def collect(connection: TransportsHost) -> StatsReport:
    """Collect the present statistics of all parts of a connection, by id."""
    executor = connection.executor
    moment = Moment(now=asyncio.get_running_loop().time(), unix=UnixTime(time.time()))
    report: StatsReport = {
        entry.id: entry
        for entry in connection_stats(executor.data, moment.milliseconds(moment.now))
    }
    names: dict[object, str] = {
        each.made_engine: f"transport-{each.key}"
        for each in executor.transports.values()
        if each.made_engine is not None
    }
    for control in tuple(executor.transceivers.values()):
        name = names.get(control.receiver.engine or control.sender.engine)
        for half in (control.transceiver.sender, control.transceiver.receiver):
            report.update(_carried(await half.getStats(), name))
    for transport in executor.transports.values():
        role = ice_role(transport, connection.session)
        report.update((each.id, each) for each in transport_stats(transport, moment, ice_role=role))
    return report


async def collect_of_track(connection: TransportsHost, track: MediaStreamTrack) -> StatsReport:
    """Collect the statistics of the one sender or receiver of a track, and what these refer to.

    Raises:
        InvalidAccessError: No sender or receiver has the track, or several have (webrtc-pc 8.2).
    """
    halves = [
        half
        for control in connection.executor.transceivers.values()
        for half in (control.transceiver.sender, control.transceiver.receiver)
        if half.track is track
    ]
    if len(halves) != 1:
        raise InvalidAccessError(
            f"{len(halves)} senders and receivers have the track: getStats selects by one"
        )
    every = await collect(connection)
    found = {name: every[name] for name in await halves[0].getStats() if name in every}
    # webrtc-stats section 8.1.1, selection: all objects that are referred to, on and on.
    waiting = list(found.values())
    while waiting:
        for name in _references(waiting.pop()):
            if name in every and name not in found:
                found[name] = every[name]
                waiting.append(every[name])
    return found


def _carried(report: RtpStatsReport, name: str | None) -> Iterator[tuple[str, Stats]]:
    """Name the transport of the entries on streams and codecs."""
    for key, entry in report.items():
        match entry:
            case RtpStreamStats() | CodecStats():
                yield key, replace(entry, transportId=name)
            case _:
                yield key, entry


def _references(entry: Stats) -> Iterator[str]:
    for each in fields(entry):
        value = getattr(entry, each.name)
        if each.name.endswith("Id") and isinstance(value, str):
            yield value
