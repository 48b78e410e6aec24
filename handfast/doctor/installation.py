"""Checks what is installed: versions beside those that we support, OpenSSL, codecs of FFmpeg."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from importlib import metadata
from typing import Final

from OpenSSL import SSL
from packaging.requirements import Requirement

from handfast.doctor.findings import Finding, Subject
from peer.rtp.codecs.installed import decoder_library, encoder_library

#: Distributions of which a wrong version shows late and far from its cause.
_WATCHED: Final = ("aiortc", "aioice", "av", "pylibsrtp", "cryptography", "pyopenssl")
#: Codecs that every browser has (RFC 7742 section 5, RFC 7874 section 3).
_VIDEO: Final = ("VP8", "H264")
_AUDIO: Final = ("opus",)


def check_versions(
    requirements: Iterable[str] | None = None, version: Callable[[str], str] = metadata.version
) -> list[Finding]:
    """Compare the versions of what we stand on with those that we support.

    Args:
        requirements: Requirements as PEP 508 writes them; None takes those of handfast.
        version: Gives the version of an installed distribution.
    """
    if requirements is None:
        requirements = metadata.requires("handfast") or ()
    wanted = {each.name.lower(): each for each in map(Requirement, requirements)}
    versions: list[str] = []
    findings: list[Finding] = []
    for name in _WATCHED:
        requirement = wanted.get(name)
        try:
            installed = version(name)
        except metadata.PackageNotFoundError:
            installed = ""
        if requirement is not None and not (
            installed and requirement.specifier.contains(installed, prereleases=True)
        ):
            there = f"{name} {installed} is installed" if installed else f"{name} is not installed"
            asked = requirement.specifier
            findings.append(
                Finding.failure(
                    Subject.VERSIONS,
                    f"{there}; this handfast works with {name} {asked}.",
                    remedy=f'pip install "{name}{asked}".',
                )
            )
        elif installed:
            versions.append(f"{name} {installed}")
    if versions:
        findings.append(
            Finding.ok(
                Subject.VERSIONS,
                f"Versions that this handfast works with: {', '.join(versions)}.",
            )
        )
    return findings


def check_openssl(dtls: str | None = None) -> list[Finding]:
    """Name the two OpenSSL: that of DTLS comes with cryptography, that of TLS with Python.

    Args:
        dtls: Version of the former, as it says it; None asks it.
    """
    if dtls is None:
        dtls = SSL.SSLeay_version(SSL.SSLEAY_VERSION).decode()
    words = dtls.split()
    # 1.1.1 is out of support since 2023, and cryptography does without it from 43 on.
    old = words[:1] == ["OpenSSL"] and len(words) > 1 and words[1].startswith(("0.", "1."))
    sentence = f"DTLS uses {dtls}, TLS {ssl.OPENSSL_VERSION}."
    if old:
        remedy = 'pip install --upgrade "cryptography>=44".'
        return [Finding.warning(Subject.VERSIONS, sentence, remedy=remedy)]
    return [Finding.ok(Subject.VERSIONS, sentence)]


def check_codecs(
    encoder: Callable[[str], str | None] = encoder_library,
    decoder: Callable[[str], str | None] = decoder_library,
) -> list[Finding]:
    """Check that FFmpeg, as PyAV has it, encodes and decodes what every browser has.

    Args:
        encoder: Gives the library that encodes a codec, or None.
        decoder: Gives the library that decodes a codec, or None.
    """
    missing = [
        f"{verb} {codec}"
        for codec in (*_VIDEO, *_AUDIO)
        for verb, library in (("encode", encoder), ("decode", decoder))
        if library(codec) is None
    ]
    if not missing:
        sentence = f"FFmpeg encodes and decodes {', '.join((*_VIDEO, *_AUDIO))}."
        return [Finding.ok(Subject.CODECS, sentence)]
    # With one of the two every browser can be reached; without Opus there is no good sound.
    lost = all(encoder(codec) is None for codec in _VIDEO) or encoder("opus") is None
    make = Finding.failure if lost else Finding.warning
    return [
        make(
            Subject.CODECS,
            f"FFmpeg, as PyAV has it, cannot {', '.join(missing)}.",
            remedy="Install a wheel of PyAV (pip install --force-reinstall --only-binary av av), "
            "or build FFmpeg with libvpx, libx264 and libopus.",
        )
    ]
