"""Mutates datagrams for fuzz tests, repeatable by seed."""

from __future__ import annotations

import random


class Mutator:
    """Mutates genuine datagrams into ones that no peer would send.

    Args:
        corpus: Genuine datagrams.
        seed: Makes every choice repeatable.
    """

    def __init__(self, corpus: list[bytes], seed: int) -> None:
        self._corpus = corpus
        self._random = random.Random(seed)

    def __call__(self) -> bytes:
        source = self._random
        data = bytearray(source.choice(self._corpus))
        for _ in range(source.randint(1, 3)):
            self._spoil(data)
        return bytes(data)

    def _spoil(self, data: bytearray) -> None:
        source = self._random
        place = source.randrange(len(data)) if data else 0
        match source.randrange(8):
            case 0:
                data[place : place + 1] = source.randbytes(1)
            case 1:
                del data[place:]
            case 2:
                data += source.randbytes(source.randint(1, 64))
            case 3:
                data[place:place] = source.randbytes(source.randint(1, 16))
            case 4:
                # The headers of records and messages are the first 25 bytes.
                data[place % 25 : place % 25 + 1] = source.choice([b"\0", b"\x01", b"\xff"])
            case 5:
                data += source.choice(self._corpus)
            case 6:
                del data[place : place + source.randint(1, 8)]
            case 7:
                data[:13] = source.choice(self._corpus)[:13]
