"""One reader and one encoder for a track, however many senders it goes to."""

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
