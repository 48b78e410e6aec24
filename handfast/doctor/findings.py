"""Findings of `handfast doctor`. PURE: it imports nothing that could be in the way."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from peer.values import dataclass


class Severity(StrEnum):
    """Weight of a finding; only `FAILURE` makes the exit status 1."""

    OK = "ok"
    #: Does not show, or is worth knowing; nothing is wrong.
    NOTE = "note"
    #: Some calls may not work.
    WARNING = "warning"
    #: Something does not work.
    FAILURE = "failure"


class Subject(StrEnum):
    """Matter that a finding is about."""

    NAMES = "names"
    VERSIONS = "versions"
    CODECS = "codecs"
    INTERFACES = "interfaces"
    STUN = "stun"
    NAT = "nat"
    TURN = "turn"
    CERTIFICATE = "certificate"
    ROOM = "room"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Args:
        subject: What it is about.
        severity: How much it matters.
        sentence: What is the case, in one sentence.
        remedy: What to do about it, in one sentence; empty where nothing is to be done.
    """

    subject: Subject
    severity: Severity
    sentence: str
    remedy: str = ""

    @classmethod
    def ok(cls, subject: Subject, sentence: str) -> Self:
        """Make a finding of something that is as it should be."""
        return cls(subject=subject, severity=Severity.OK, sentence=sentence)

    @classmethod
    def note(cls, subject: Subject, sentence: str, *, remedy: str = "") -> Self:
        """Make a finding of something that does not show, or is worth knowing."""
        return cls(subject=subject, severity=Severity.NOTE, sentence=sentence, remedy=remedy)

    @classmethod
    def warning(cls, subject: Subject, sentence: str, *, remedy: str) -> Self:
        """Make a finding of something for which some calls may not work."""
        return cls(subject=subject, severity=Severity.WARNING, sentence=sentence, remedy=remedy)

    @classmethod
    def failure(cls, subject: Subject, sentence: str, *, remedy: str) -> Self:
        """Make a finding of something that does not work."""
        return cls(subject=subject, severity=Severity.FAILURE, sentence=sentence, remedy=remedy)
