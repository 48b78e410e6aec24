"""What aiortc does and what `peer.compat` does, side by side: the table of docs/COMPAT.md.

`python -m tests.support.compat.behaviours` writes the table anew; a test runs every row with both.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import ModuleType

from tests.support.compat import observations

#: Observes a module that has aiortc's names, and says what happened in a few words.
Observe = Callable[[ModuleType], Awaitable[str]]

DOCUMENT = Path(__file__).parents[3] / "docs" / "COMPAT.md"
_TABLE = re.compile(r"(?s)(?<=<!-- behaviours -->\n).*?(?=<!-- end of behaviours -->)")


class Verdict(StrEnum):
    """How what we do stands to what aiortc does."""

    SAME = "same"
    BETTER = "better"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """One row of the table.

    Args:
        about: What is looked at.
        observe: Looks at it, in aiortc and in ours.
        aiortc: What aiortc does.
        ours: What we do; None for the same.
        why: Why that is another thing; empty where it is the same, or needs no reason.
        verdict: Whether the difference is for the better.
    """

    about: str
    observe: Observe
    aiortc: str
    ours: str | None = None
    why: str = ""
    verdict: Verdict = Verdict.SAME

    @property
    def expected(self) -> str:
        """What we do."""
        return self.aiortc if self.ours is None else self.ours


def _better(about: str, observe: Observe, *, aiortc: str, ours: str, why: str = "") -> Behaviour:
    return Behaviour(
        about=about,
        observe=observe,
        aiortc=aiortc,
        ours=ours,
        why=why,
        verdict=Verdict.BETTER,
    )


def _different(about: str, observe: Observe, *, aiortc: str, ours: str, why: str) -> Behaviour:
    return Behaviour(
        about=about,
        observe=observe,
        aiortc=aiortc,
        ours=ours,
        why=why,
        verdict=Verdict.DIFFERENT,
    )


def _same(about: str, observe: Observe, *, aiortc: str) -> Behaviour:
    return Behaviour(about=about, observe=observe, aiortc=aiortc)


BEHAVIOURS = (
    _same(
        "gathering, once `setLocalDescription` has returned",
        observations.gathering,
        aiortc="complete, with candidates",
    ),
    _same(
        "codecs of an offer",
        observations.offered_codecs,
        aiortc="opus 96, G722 9, PCMU 0, PCMA 8; "
        "VP8 97, rtx 98, H264 99, rtx 100, H264 101, rtx 102",
    ),
    _same(
        "argument of a `track` handler",
        observations.track_event,
        aiortc="a RemoteStreamTrack with the id of the peer's",
    ),
    _same(
        "argument of a `datachannel` handler",
        observations.channel_event,
        aiortc="an RTCDataChannel that is open",
    ),
    _same(
        "states of a connection",
        observations.connection_states,
        aiortc="new, connecting, connected, closed",
    ),
    _same(
        "states of ICE",
        observations.ice_states,
        aiortc="new, checking, completed, closed",
    ),
    _same(
        "what a connection does when its peer closes",
        observations.end_of_peer,
        aiortc="closes itself",
    ),
    _same(
        "an event that nobody has defined, on connection, channel and track",
        observations.own_events,
        aiortc="goes to its handlers",
    ),
    _same(
        "the same track twice",
        observations.track_twice,
        aiortc="InvalidAccessError: Track already has a sender",
    ),
    _same(
        "a track once the connection is closed",
        observations.track_when_closed,
        aiortc="InvalidStateError: RTCPeerConnection is closed",
    ),
    _same(
        "a second offer of the peer while ours waits",
        observations.glare,
        aiortc='InvalidStateError: Cannot handle offer in signaling state "have-local-offer"',
    ),
    _same(
        "`addTransceiver` before the peer's offer",
        observations.transceiver_before_offer,
        aiortc="the offer's m-section uses it",
    ),
    _same(
        "a candidate before the peer's description",
        observations.early_candidate,
        aiortc="is taken",
    ),
    _same(
        "entries of `getStats`",
        observations.statistics,
        aiortc="inbound-rtp, outbound-rtp, transport",
    ),
    _same(
        "a channel closed before it is open",
        observations.channel_closed_early,
        aiortc="closed at once",
    ),
    _same(
        "`send` on a channel that is not open",
        observations.send_too_early,
        aiortc="InvalidStateError",
    ),
    _same(
        "an offer of ours whose m-section was renamed",
        observations.renamed_section,
        aiortc="has the new name",
    ),
    _same(
        "m-section of `alwaysNegotiateDataChannels`",
        observations.data_always,
        aiortc="application, audio",
    ),
    _better(
        "ICE, when video is added to a connection with BUNDLE",
        observations.video_added,
        aiortc="new, as it gathers for a transport that is then thrown away",
        ours="completed, on the transport that is there",
    ),
    _better(
        "an m-section without a codec of ours, beside another",
        observations.unknown_codec,
        aiortc="OperationError, and the description is half applied",
        ours="rejected by itself",
    ),
    _better(
        "an offer of VP9 alone",
        observations.only_vp9,
        aiortc="OperationError",
        ours="answered with VP9",
        why="VP9, AV1 and H265 are taken where a peer has none of what aiortc offers",
    ),
    _better(
        "PCMU by its static payload type, without `a=rtpmap`",
        observations.static_payload_type,
        aiortc="OperationError",
        ours="answered with PCMU",
        why="RFC 3551 section 6; SIP phones write it so",
    ),
    _better(
        "an answer that rejects an m-section",
        observations.rejected_section,
        aiortc="ValueError: ICE username fragment or password is missing",
        ours="taken",
    ),
    _better(
        "a rollback",
        observations.rollback,
        aiortc="have-local-offer",
        ours="stable",
    ),
    _better(
        "`open` of a channel that the peer made",
        observations.open_of_peer,
        aiortc="never fires",
        ours="fires after `datachannel`",
    ),
    _different(
        "an offer of ours with another fingerprint",
        observations.other_fingerprint,
        aiortc="taken, though another certificate is shown",
        ours="ValueError",
        why="the peer would refuse the certificate",
    ),
    _different(
        "17 MiB sent at once",
        observations.much_at_once,
        aiortc="taken, without a bound",
        ours="OperationError at 16 MiB",
        why="no buffer is unbounded; wait for `bufferedamountlow`, as browsers ask as well",
    ),
    _different(
        "`id` of a channel that is not negotiated",
        observations.id_given,
        aiortc="used",
        ours="chosen by us",
        why="W3C webrtc-pc section 6.1; two ends that choose by themselves collide",
    ),
    _different(
        "`stop` of a transport of a connection",
        observations.transport_stopped,
        aiortc="stops it",
        ours="InvalidStateError",
        why="transports belong to their connection: close that",
    ),
)


def table() -> str:
    """Write the behaviours as a table of Markdown."""
    lines = ["| | aiortc 1.16 | `peer.compat` |", "| --- | --- | --- |"]
    for each in BEHAVIOURS:
        ours = "same" if each.ours is None else f"**{each.verdict}**: {each.ours}"
        reason = f" ({each.why})" if each.why else ""
        lines.append(f"| {each.about} | {each.aiortc} | {ours}{reason} |")
    return "\n".join(lines) + "\n"


def documented() -> str:
    """Return the table as it stands in the documentation."""
    found = _TABLE.search(DOCUMENT.read_text())
    return "" if found is None else found[0]


def main() -> None:
    """Write the table of the documentation anew."""
    text = DOCUMENT.read_text()
    DOCUMENT.write_text(_TABLE.sub(lambda _: table(), text))


if __name__ == "__main__":
    main()
