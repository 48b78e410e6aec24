"""What flows: sources and sinks of media."""
