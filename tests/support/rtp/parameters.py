"""Parameters and tracks for tests of the RTP engine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from peer.rtp.capabilities import capabilities
from peer.rtp.tracks import MediaStreamTrack
from peer.rtp_parameters import Codec, MediaKind, ReceiveParameters, SendParameters

if TYPE_CHECKING:
    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.tracks import MediaItem


def codecs(kind: MediaKind, *names: str) -> tuple[Codec, ...]:
    """The codecs of these names (all of them without), the first profile of each, with RTX."""
    every = capabilities(kind).codecs
    chosen: list[Codec] = []
    for name in names or tuple(dict.fromkeys(c.name for c in every if not c.is_rtx)):
        codec = next(c for c in every if c.name == name)
        chosen += [codec, *(c for c in every if c.apt == codec.payload_type)]
    return tuple(chosen)


def sending(kind: MediaKind, *names: str, mid: str = "0") -> SendParameters:
    return SendParameters(
        mid=mid,
        codecs=codecs(kind, *names),
        extensions=capabilities(kind).extensions,
        cname="test",
    )


def receiving(
    kind: MediaKind,
    *names: str,
    mid: str = "0",
    ssrcs: tuple[int, ...] = (),
    rtx: tuple[tuple[int, int], ...] = (),
) -> ReceiveParameters:
    return ReceiveParameters(
        mid=mid,
        codecs=codecs(kind, *names),
        extensions=capabilities(kind).extensions,
        ssrcs=ssrcs,
        rtx=rtx,
    )


class QueueTrack(MediaStreamTrack):
    """A track that gives the items that a test pushes; `recv` raises a pushed exception."""

    def __init__(self, kind: MediaKind) -> None:
        super().__init__()
        self.kind = kind.value
        self.items: asyncio.Queue[MediaItem | EncodedFrame | BaseException] = asyncio.Queue()
        self.reads = 0

    def push(self, *items: MediaItem | EncodedFrame | BaseException) -> None:
        for item in items:
            self.items.put_nowait(item)

    async def recv(self) -> MediaItem:
        self.reads += 1
        item = await self.items.get()
        if isinstance(item, BaseException):
            raise item
        # aiortc knows no encoded frames but av's packets.
        return cast("MediaItem", item)
