"""The SDP model (RFC 8866): reads any description without loss and writes it back unchanged."""
