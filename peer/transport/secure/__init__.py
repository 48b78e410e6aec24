"""Several DTLS associations over one path: which of them sends, and how a rekey changes keys."""
