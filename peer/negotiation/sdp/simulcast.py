"""Values of `a=rid` (RFC 8851) and `a=simulcast` (RFC 8853): streams of one source."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Self

from peer.negotiation.sdp.lines import number, words
from peer.values import dataclass

#: A rid-id, without the 255 characters that RFC 8852 section 3.1 allows at most.
_ID = re.compile(r"[A-Za-z0-9_-]+")
#: Longest rid-id: a one-byte header extension has 16 bytes, a two-byte one 255 (RFC 8285).
_LONGEST_ID = 255


class RidDirection(StrEnum):
    """Direction of an RTP stream as seen by the end that wrote its `a=rid` (RFC 8851 section 4)."""

    SEND = "send"
    RECV = "recv"

    @classmethod
    def parse(cls, text: str) -> RidDirection:
        """Read one of the two directions.

        Raises:
            ValueError: The text is neither.
        """
        try:
            return cls(text)
        except ValueError:
            raise ValueError("the direction of a rid is send or recv") from None


@dataclass(frozen=True, slots=True)
class Rid:
    """Value of `a=rid`: one RTP stream, and what restricts it.

    Args:
        id: Its RtpStreamId.
        direction: As seen by the end that wrote it.
        payload_types: Those of `pt=`; empty for all of the m-section.
        restrictions: The others, in order, for example `max-width=640`.
    """

    id: str
    direction: RidDirection
    payload_types: tuple[int, ...] = ()
    restrictions: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a stream such as `hi send pt=97;max-width=1280`.

        Raises:
            ValueError: Id, direction or a payload type is none.
        """
        match words(text):
            case [identity, direction, *rest]:
                stated = [each for each in "".join(rest).split(";") if each]
                types = [each.removeprefix("pt=") for each in stated if each.startswith("pt=")]
                return cls(
                    _identity(identity),
                    RidDirection.parse(direction),
                    tuple(
                        number(each, low=0, high=127, name="payload type")
                        for each in ",".join(types).split(",")
                        if each
                    ),
                    tuple(each for each in stated if not each.startswith("pt=")),
                )
            case _:
                raise ValueError("a rid has an id and a direction")

    def __str__(self) -> str:
        types = [f"pt={','.join(map(str, self.payload_types))}"] if self.payload_types else []
        rest = ";".join((*types, *self.restrictions))
        return f"{self.id} {self.direction} {rest}".rstrip()


@dataclass(frozen=True, slots=True)
class Simulcast:
    """Value of `a=simulcast`: for each direction the streams, and of each its alternatives.

    Args:
        send: Ids of the streams that its writer sends.
        recv: Ids of the streams that its writer receives.
        paused: Those of both that begin paused: they have a `~` in front.
    """

    send: tuple[tuple[str, ...], ...] = ()
    recv: tuple[tuple[str, ...], ...] = ()
    paused: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a value such as `send hi;mid,~old;lo recv back`.

        Raises:
            ValueError: A direction is missing or there twice, or an id is none.
        """
        found = words(text)
        stated = found[::2]
        if not found or len(found) % 2 or len(set(stated)) != len(stated):
            raise ValueError("simulcast has one list of ids for each of its directions")
        lists = {
            RidDirection.parse(direction): tuple(
                tuple(_identity(each.removeprefix("~")) for each in stream.split(","))
                for stream in streams.split(";")
            )
            for direction, streams in zip(stated, found[1::2], strict=True)
        }
        ids = ",".join(",".join(found[1::2]).split(";")).split(",")
        return cls(
            lists.get(RidDirection.SEND, ()),
            lists.get(RidDirection.RECV, ()),
            frozenset(each[1:] for each in ids if each.startswith("~")),
        )


def _identity(text: str) -> str:
    if len(text) > _LONGEST_ID or not _ID.fullmatch(text):
        raise ValueError(f"{text[:32]!r} is no rid: letters, digits, - and _")
    return text
