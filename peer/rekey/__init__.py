"""New keys for a connection that stands: the course of one rekey, and when the next one is due."""
