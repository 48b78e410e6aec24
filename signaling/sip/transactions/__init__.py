"""Runs the transactions of SIP: the four state machines of RFC 3261 section 17 with RFC 6026."""
