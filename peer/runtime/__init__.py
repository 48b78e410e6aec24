"""Parts of a running connection: its core, transports, states, and the effects of descriptions."""
