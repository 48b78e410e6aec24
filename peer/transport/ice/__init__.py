"""The path to the peer: gathering, checks, consent, and datagrams of checked sources."""
