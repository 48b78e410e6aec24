"""Sockets: UDP read to its end on each wake-up."""
