"""ICE of one transport: gathering, checks, consent, restarts, and datagrams of valid sources."""
