"""Media over a secure transport: senders, receivers and the routing between them."""
