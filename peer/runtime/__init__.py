"""One running connection: plan, prepare, commit and apply, with its transports and states."""
