"""The program: composes peer, signaling and media."""
