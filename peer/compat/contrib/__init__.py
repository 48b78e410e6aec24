"""Players, recorders, relays and signalling channels with the interface of `aiortc.contrib`."""
