"""Several DTLS associations over one path: which one sends, and how keys are changed."""
