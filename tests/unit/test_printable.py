"""What is not to be seen is shown by a sign."""

from __future__ import annotations

from peer.printable import printable


def test_text_is_made_printable() -> None:
    assert printable("a\tb\nc", keeps="\n\t") == "a\tb\nc"
    assert printable("a\tb\nc") == "a\ufffdb\ufffdc"
    assert printable("a\x00b\x7f\x85") == "a\ufffdb\ufffd\ufffd"
