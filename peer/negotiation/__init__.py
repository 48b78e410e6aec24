"""The offer/answer exchange as pure functions over values: no I/O, no clock, no aiortc."""
