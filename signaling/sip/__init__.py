"""User agent of SIP (RFC 3261): messages, digest, transports, calls. Needs the extra `sip`."""

try:
    import sipmessage as _sipmessage  # noqa: F401 - a missing extra is told here, once
except ImportError as error:
    raise ImportError("SIP needs sipmessage: pip install 'handfast[sip]'") from error
