"""The fingerprints of a description of ours are found without reading the rest of it."""

from __future__ import annotations

import pytest

from peer import Certificate
from peer.negotiation.sdp.description import Sdp
from peer.runtime.peer_identity import fingerprints, own_fingerprints

_HEAD = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
_ONE, _OTHER = (f"a=fingerprint:{Certificate.generate().fingerprint()}\r\n" for _ in range(2))


def _section(port: int, *lines: str) -> str:
    return f"m=audio {port} UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\n" + "".join(lines)


@pytest.mark.parametrize(
    "sections",
    [
        [_section(9, _ONE)],
        [_section(9, _ONE), _section(9, _ONE)],
        [_section(9, _ONE), _section(9, _OTHER)],
        [_section(9, _ONE, _OTHER)],
        [_section(9, _ONE), _section(0, _OTHER)],
        [_section(9, _ONE), _section(0, "a=bundle-only\r\n", _OTHER)],
        [_section(0, _ONE)],
        [_ONE, _section(9)],
        [_ONE, _section(9, _OTHER)],
        [],
    ],
)
def test_fingerprints_of_our_description_are_those_that_a_whole_reading_finds(
    sections: list[str],
) -> None:
    text = _HEAD + "".join(sections)
    assert own_fingerprints(text) == fingerprints(Sdp.parse(text))
