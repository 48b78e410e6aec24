"""Defines the events of a SIP phone: their names and their arguments."""

from __future__ import annotations

from enum import StrEnum


class PhoneEvent(StrEnum):
    """The events of a `Phone`, with the argument of their handlers."""

    CALL = "call"  # Call
    AWAY = "away"  # str
    BACK = "back"  # float
