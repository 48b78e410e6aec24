"""A running connection: its core, transports and states, and the effects of descriptions."""
