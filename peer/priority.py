"""Defines the relative priority of a data channel (W3C webrtc-priority). PURE."""

from __future__ import annotations

from enum import StrEnum


class Priority(StrEnum):
    """Relative priority of what is sent (W3C webrtc-priority, RTCPriorityType)."""

    VERY_LOW = "very-low"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
