"""IANA's names of cipher suites and SRTP profiles, where OpenSSL has others."""

from __future__ import annotations

import re
from typing import Final

_SUITE: Final = re.compile(r"(ECDHE-ECDSA|ECDHE-RSA)-(.+)")
_KEY_SIZE: Final = re.compile(r"AES(\d+)")


def cipher_suite(name: str) -> str:
    """Spell a cipher suite of OpenSSL as IANA and browsers do.

    >>> cipher_suite("ECDHE-ECDSA-AES128-GCM-SHA256"), cipher_suite("ECDHE-RSA-CHACHA20-POLY1305")
    ('TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256')
    >>> cipher_suite("TLS_AES_128_GCM_SHA256")
    'TLS_AES_128_GCM_SHA256'
    """
    found = _SUITE.fullmatch(name)
    if found is None:
        return name
    exchange, algorithm = found.groups()
    algorithm = _KEY_SIZE.sub(r"AES_\1", algorithm.replace("-", "_"))
    # RFC 7905: the hash that OpenSSL leaves out.
    suffix = "_SHA256" if algorithm.endswith("POLY1305") else ""
    return f"TLS_{exchange.replace('-', '_')}_WITH_{algorithm}{suffix}"


def srtp_profile(name: str) -> str:
    """Spell an SRTP profile of OpenSSL as RFC 5764 and browsers do.

    >>> srtp_profile("SRTP_AES128_CM_SHA1_80"), srtp_profile("SRTP_AEAD_AES_128_GCM")
    ('SRTP_AES128_CM_HMAC_SHA1_80', 'SRTP_AEAD_AES_128_GCM')
    """
    return name.replace("_CM_SHA1_", "_CM_HMAC_SHA1_")
