"""Captured packets: taking them on the wire, reading, decrypting, forging, mutating them."""
