"""Defines the relative priority of a data channel or an encoding (W3C webrtc-priority). PURE."""

from __future__ import annotations

from enum import StrEnum


class Priority(StrEnum):
    """Relative priority of what is sent (W3C webrtc-priority, RTCPriorityType)."""

    VERY_LOW = "very-low"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def weight(self) -> float:
        """Relative part of a bitrate: twice that of the priority below (RFC 8835 section 4.1)."""
        return _WEIGHTS[self]


_WEIGHTS = {
    Priority.VERY_LOW: 0.5,
    Priority.LOW: 1.0,
    Priority.MEDIUM: 2.0,
    Priority.HIGH: 4.0,
}
