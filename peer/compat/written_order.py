"""Puts the lines of our descriptions in the order in which aiortc writes them. PURE.

The order of attributes means nothing to a peer (RFC 8866 section 5.13), but programs that were
written for aiortc search descriptions for runs of lines, and take codecs out of them as text.
"""

from __future__ import annotations

import re

_FORMAT = re.compile(r"a=(?P<attribute>rtpmap|rtcp-fb|fmtp):(?P<payload_type>\d+) (?P<value>.*)")
#: The RTCP feedback that aiortc writes, in its order.
_FEEDBACK = ("nack", "nack pli", "goog-remb")


def in_aiortc_order(sdp: str) -> str:
    """Return a description of ours with the lines of each m-section in aiortc's order.

    A codec's lines follow each other as aiortc writes them, what aiortc does not write of a codec
    comes after all codecs, and `a=fingerprint` and `a=setup` are the last.
    """
    head, *sections = re.split(r"(?m)^(?=m=)", sdp)
    return head + "".join(_section(section) for section in sections)


def _section(text: str) -> str:
    media, *lines = text.splitlines()
    formats: dict[str, list[str]] = {}
    others: list[str] = []
    extra: list[str] = []
    last: list[str] = []
    for line in lines:
        found = _FORMAT.fullmatch(line)
        if line.startswith(("a=fingerprint:", "a=setup:")):
            last.append(line)
        elif found is None:
            others.append(line)
        elif _is_written(found, audio=media.startswith("m=audio")):
            formats.setdefault(found["payload_type"], []).append(line)
        else:
            extra.append(line)
    codecs = [line for group in formats.values() for line in group]
    return "".join(f"{line}\r\n" for line in (media, *others, *codecs, *extra, *last))


def _is_written(line: re.Match[str], *, audio: bool) -> bool:
    """Tell whether aiortc writes a line on a codec: of audio, it writes `a=rtpmap` alone."""
    if line["attribute"] == "rtpmap":
        return True
    return not audio and (line["attribute"] == "fmtp" or line["value"] in _FEEDBACK)
