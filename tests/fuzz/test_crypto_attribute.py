"""`a=crypto` that nobody should write (RFC 4568): read or refused by name, and never shown."""

from __future__ import annotations

import random

from peer.negotiation.sdp.crypto import Crypto
from peer.printable import without_secrets
from peer.srtp_keys import CryptoSuite

_ROUNDS = 10_000
#: Characters of a key that would give something of it away (ours).
_WINDOW = 8
_ALPHABET = " \t|:;=^-+/2101WSHKDRinline\u00e9\x7fAEAD_"


def mutated(text: str, source: random.Random) -> str:
    """Change a few characters, or move a part."""
    characters = list(text)
    for _ in range(source.randint(1, 4)):
        place = source.randrange(len(characters) + 1)
        match source.randrange(3):
            case 0:
                characters.insert(place, source.choice(_ALPHABET))
            case 1:
                del characters[place : place + source.randint(1, 6)]
            case _:
                characters[place : place + 1] = source.choice(_ALPHABET)
    return "".join(characters)


def test_changed_crypto_is_read_or_refused_without_a_word_of_its_key() -> None:
    source = random.Random(4568)
    read = 0
    for _ in range(_ROUNDS):
        (made,) = Crypto.generate([source.choice(tuple(CryptoSuite))], source.randbytes)
        ending = source.choice(["", "|2^20", "|2^20|1:4", "|1:4 WSH=64", " KDR=1"])
        text = mutated(f"{made.line.argument}{ending}", source)
        try:
            crypto = Crypto.parse(text)
        except ValueError as error:
            shown = str(error)
        else:
            read += 1
            shown = repr(crypto)
            assert len(crypto.key.material) == crypto.key.suite.key_size
            assert Crypto.parse(crypto.line.argument).key.material == crypto.key.material
        shown += without_secrets(f"a=crypto:{text}")
        key = made.line.argument.rpartition("inline:")[2]
        assert not any(key[i : i + _WINDOW] in shown for i in range(len(key) - _WINDOW))
    assert read > 100
