"""Decrypts captured DTLS 1.2 with a key log, by RFC 5246 and independently of our own code."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Sequence

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_CLIENT_HELLO, _SERVER_HELLO = 1, 2


def decrypted(key_log: bytes, sent: Sequence[bytes], received: Sequence[bytes]) -> list[bytes]:
    """Decrypt the application data of an association under AES128-GCM-SHA256.

    Args:
        key_log: Secrets in NSS key log format.
        sent: DTLS datagrams of the client.
        received: DTLS datagrams of the server.
    """
    client_random, server_random = _random(sent, _CLIENT_HELLO), _random(received, _SERVER_HELLO)
    lines = [line.split() for line in key_log.splitlines()]
    (secret,) = (
        bytes.fromhex(line[2].decode())
        for line in lines
        if line[0] == b"CLIENT_RANDOM" and bytes.fromhex(line[1].decode()) == client_random
    )
    # RFC 5246 section 6.3: no MAC keys with AEAD; two keys, then two parts of nonces.
    block = _prf(secret, b"key expansion" + server_random + client_random, 2 * 16 + 2 * 4)
    return [
        plain
        for key, salt, datagrams in (
            (block[:16], block[32:36], sent),
            (block[16:32], block[36:40], received),
        )
        for record in _records(datagrams)
        if record[0] == 23
        for plain in [_open(key, salt, record)]
    ]


def _open(key: bytes, salt: bytes, record: bytes) -> bytes:
    header, nonce, body = record[:13], record[13:21], record[21:]
    # RFC 5246 section 6.2.3.3, with epoch and sequence number as RFC 6347 has them.
    seen = header[3:11] + header[:3] + (len(body) - 16).to_bytes(2)
    return AESGCM(key).decrypt(salt + nonce, body, seen)


def _records(datagrams: Sequence[bytes]) -> Iterator[bytes]:
    for datagram in datagrams:
        start = 0
        while start < len(datagram):
            end = start + 13 + int.from_bytes(datagram[start + 11 : start + 13])
            yield datagram[start:end]
            start = end


def _random(datagrams: Sequence[bytes], message: int) -> bytes:
    return next(
        record[27:59] for record in _records(datagrams) if (record[0], record[13]) == (22, message)
    )


def _prf(secret: bytes, seed: bytes, size: int) -> bytes:
    """Compute P_SHA256 of RFC 5246 section 5."""
    out, step = b"", seed
    while len(out) < size:
        step = hmac.digest(secret, step, hashlib.sha256)
        out += hmac.digest(secret, step + seed, hashlib.sha256)
    return out[:size]
