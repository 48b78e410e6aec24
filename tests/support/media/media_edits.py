"""Owns what tests of media do to descriptions on their way."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from peer.rtp.packet import MID

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def without_ssrcs(sdp: str) -> str:
    """Nobody says which stream is which m-section's: no `a=ssrc`, no `a=ssrc-group`."""
    return re.sub(r"a=ssrc(-group)?:[^\r]*\r\n", "", sdp)


def one_rid_each(rids: Mapping[str, str]) -> Callable[[str], str]:
    """Accept of each m-section one stream, by its restriction id (RFC 8853 section 5.3).

    Args:
        rids: By the name of the m-section.
    """

    def edit(sdp: str) -> str:
        sdp = re.sub(r"a=(rid|simulcast):[^\r]*\r\n", "", sdp)
        for mid, rid in rids.items():
            line = f"a=mid:{mid}\r\n"
            assert line in sdp
            sdp = sdp.replace(line, f"{line}a=rid:{rid} recv\r\na=simulcast:recv {rid}\r\n")
        return sdp

    return edit


def without_mids(sdp: str) -> str:
    """No packet of a picture says its m-section; the sections keep their names."""
    head, *sections = re.split(r"(?m)^(?=m=)", sdp)
    extension = rf"a=extmap:[^\r]*{re.escape(MID)}\r\n"
    cut = (re.sub(extension, "", s) if s.startswith("m=video") else s for s in sections)
    return "".join((head, *cut))


def without_remb(sdp: str) -> str:
    """Rates follow from transport-wide feedback, or from reports, and from nothing else."""
    return re.sub(r"a=rtcp-fb:\d+ goog-remb\r\n", "", sdp)


def only_ipv4(sdp: str) -> str:
    """Without candidates that have an address of IPv6."""
    return re.sub(r"a=candidate:\S+ \d \S+ \d+ \S*:[^\r]*\r\n", "", sdp)
