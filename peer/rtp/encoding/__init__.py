"""Reads, encodes and packetises each track once, for any number of senders."""

from peer.rtp.encoding.outgoing import OutgoingFrame
from peer.rtp.encoding.settings import EncodingSettings
from peer.rtp.encoding.subscription import Subscription, SubscriptionCounts, subscribe

__all__ = [
    "EncodingSettings",
    "OutgoingFrame",
    "Subscription",
    "SubscriptionCounts",
    "subscribe",
]
