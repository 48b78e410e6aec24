"""The emoji of a phrase: 64 that are told apart at sight and named in a word or two. PURE.

The page's module has the same list in the same order.
"""

from __future__ import annotations

from peer.values import dataclass


@dataclass(frozen=True, slots=True)
class Emoji:
    """One emoji, which stands for six bits.

    Args:
        symbol: The character, with the variation selector where text is its default.
        name: Its English name, for a screen reader and for reading aloud.
    """

    symbol: str
    name: str


#: The list: a number from 0 to 63 is an index.
EMOJI = (
    Emoji("🐶", "dog"),
    Emoji("🐱", "cat"),
    Emoji("🦁", "lion"),
    Emoji("🐴", "horse"),
    Emoji("🐷", "pig"),
    Emoji("🐘", "elephant"),
    Emoji("🐰", "rabbit"),
    Emoji("🐼", "panda"),
    Emoji("🐓", "rooster"),
    Emoji("🐧", "penguin"),
    Emoji("🐢", "turtle"),
    Emoji("🐟", "fish"),
    Emoji("🐙", "octopus"),
    Emoji("🦋", "butterfly"),
    Emoji("🐝", "bee"),
    Emoji("🕷", "spider"),
    Emoji("🌷", "tulip"),
    Emoji("🌳", "tree"),
    Emoji("🌵", "cactus"),
    Emoji("🍄", "mushroom"),
    Emoji("🌍", "globe"),
    Emoji("🌙", "moon"),
    Emoji("☁️", "cloud"),
    Emoji("🔥", "fire"),
    Emoji("⚡", "lightning"),
    Emoji("🌈", "rainbow"),
    Emoji("❄️", "snowflake"),
    Emoji("☂️", "umbrella"),
    Emoji("🍌", "banana"),
    Emoji("🍎", "apple"),
    Emoji("🍓", "strawberry"),
    Emoji("🌽", "corn"),
    Emoji("🍕", "pizza"),
    Emoji("🎂", "cake"),
    Emoji("🧀", "cheese"),
    Emoji("🥚", "egg"),
    Emoji("❤️", "heart"),
    Emoji("👓", "glasses"),
    Emoji("🎩", "hat"),
    Emoji("👑", "crown"),
    Emoji("🔑", "key"),
    Emoji("🔨", "hammer"),
    Emoji("✂️", "scissors"),
    Emoji("💡", "light bulb"),
    Emoji("📕", "book"),
    Emoji("✏️", "pencil"),
    Emoji("📎", "paperclip"),
    Emoji("🎁", "gift"),
    Emoji("⏰", "clock"),
    Emoji("⏳", "hourglass"),
    Emoji("☎️", "telephone"),
    Emoji("🏆", "trophy"),
    Emoji("⚽", "football"),
    Emoji("🎸", "guitar"),
    Emoji("🎺", "trumpet"),
    Emoji("🔔", "bell"),
    Emoji("⚓", "anchor"),
    Emoji("🚀", "rocket"),
    Emoji("✈️", "aeroplane"),
    Emoji("🚲", "bicycle"),
    Emoji("🚂", "train"),
    Emoji("⛵", "sailboat"),
    Emoji("🏠", "house"),
    Emoji("🚗", "car"),
)
