"""Owns which version of DTLS the TLS library at hand offers."""

from __future__ import annotations

import functools

from OpenSSL import SSL

_VERSIONS = {"DTLSv1.3": 0xFEFC, "DTLSv1.2": 0xFEFD}


@functools.cache
def newest_version() -> str:
    """By OpenSSL's name."""
    return next(name for name, number in _VERSIONS.items() if _offers(number))


def _offers(number: int) -> bool:
    try:
        SSL.Context(SSL.DTLS_METHOD).set_min_proto_version(number)
    except SSL.Error:
        return False
    return True
