"""The kinds of private keys that certificates have here. PURE."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec, rsa

#: A private key of a certificate; every WebRTC peer takes both (W3C webrtc-pc).
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
