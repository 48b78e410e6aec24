"""What is not to be seen is shown by a sign."""

from __future__ import annotations

import pytest

from peer.printable import printable, without_media_keys, without_secrets


def test_text_is_made_printable() -> None:
    assert printable("a\tb\nc", keeps="\n\t") == "a\tb\nc"
    assert printable("a\tb\nc") == "a\ufffdb\ufffdc"
    assert printable("a\x00b\x7f\x85") == "a\ufffdb\ufffd\ufffd"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("a=crypto:1 AEAD_AES_128_GCM inline:c2VjcmV0|2^31", "a=crypto:1 AEAD_AES_128_GCM ..."),
        ("a=crypto:1  AEAD_AES_128_GCM\tinline:c2VjcmV0", "a=crypto:1  AEAD_AES_128_GCM\t..."),
        ("a=crypto:inline:c2VjcmV0", "a=crypto:..."),
        (
            "a=acap:7 crypto:1 AEAD_AES_128_GCM inline:c2VjcmV0",
            "a=acap:7 crypto:1 AEAD_AES_128_GCM ...",
        ),
        ("k=base64:c2VjcmV0", "k=..."),
    ],
)
def test_media_keys_are_left_out_of_what_is_shown(line: str, shown: str) -> None:
    sdp = f"v=0\r\n{line}\r\na=mid:0\r\n"
    assert without_secrets(sdp) == without_media_keys(sdp) == f"v=0\r\n{shown}\r\na=mid:0\r\n"
    assert without_secrets(line) == shown


def test_description_without_media_keys_keeps_its_password() -> None:
    assert without_media_keys("a=ice-pwd:secret\r\n") == "a=ice-pwd:secret\r\n"
