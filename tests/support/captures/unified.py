"""Writes DTLS 1.3 records with a unified header (RFC 9147 section 4, figure 3)."""

from __future__ import annotations


def unified(
    body: bytes = bytes(16),
    *,
    epoch: int = 3,
    long_number: bool = True,
    with_length: bool = True,
    connection_id: bytes = b"",
) -> bytes:
    """Write a protected record, whose `body` stands for the ciphertext."""
    first = 0b0010_0000 | epoch & 0b11
    first |= 0b1_0000 if connection_id else 0
    first |= 0b1000 if long_number else 0
    first |= 0b100 if with_length else 0
    number = b"\x5a\xa5" if long_number else b"\x5a"
    length = len(body).to_bytes(2) if with_length else b""
    return bytes([first]) + connection_id + number + length + body
