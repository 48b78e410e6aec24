"""Encrypts whole frames from end to end, past servers that relay them: SFrame (RFC 9605). PURE.

::

    sender.transform = SFrameSender(key)
    receiver.transform = SFrameReceiver({0: key})
"""

from __future__ import annotations

import dataclasses
import hmac
from collections import OrderedDict
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from peer.errors import ConfigurationError
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peer.rtp.frame_transform import CodedFrame

#: Key identifiers and counters have 64 bits (RFC 9605 section 4.3).
_END: Final = 1 << 64
#: Octets of a nonce, of every cipher suite (section 4.5).
_NONCE: Final = 12
#: Most keys that one receiver holds (ours).
MAX_KEYS: Final = 1024
#: Most bits of the ratchet step in a key identifier (ours): a forged one costs 2**bits derivations.
_MAX_RATCHET_BITS: Final = 6
#: Octets of a VP8 frame that stay in the clear, as receivers read them before they decrypt: the
#: headers of a key frame, and the tag of another one (RFC 6386 section 9.1).
_VP8_KEYFRAME: Final = 10
_VP8_FRAME: Final = 3


class SFrameSuite(IntEnum):
    """Cipher suite of SFrame (RFC 9605 section 4.5)."""

    AES_128_CTR_HMAC_SHA256_80 = 1
    AES_128_CTR_HMAC_SHA256_64 = 2
    AES_128_CTR_HMAC_SHA256_32 = 3
    AES_128_GCM_SHA256_128 = 4
    AES_256_GCM_SHA512_128 = 5


#: Octets of the tags of the suites with AES-CTR and HMAC.
_TAGS: Final = {
    SFrameSuite.AES_128_CTR_HMAC_SHA256_80: 10,
    SFrameSuite.AES_128_CTR_HMAC_SHA256_64: 8,
    SFrameSuite.AES_128_CTR_HMAC_SHA256_32: 4,
}
#: Octets of the keys of the suites with AES-CTR and HMAC: of AES-128, and of HMAC-SHA-256.
_ENCRYPTION_KEY, _HMAC_KEY = 16, 32


class SFrameError(Exception):
    """A frame cannot be decrypted: its header is broken, its key unknown, or it was changed."""


@dataclass(frozen=True, slots=True)
class SFrameHeader:
    """Header in front of an encrypted frame (RFC 9605 section 4.3).

    Args:
        kid: Key identifier.
        counter: Number of the frame under that key.
    """

    kid: int
    counter: int

    def __bytes__(self) -> bytes:
        (k, kid), (c, counter) = _field(self.kid), _field(self.counter)
        return bytes((k << 4 | c,)) + kid + counter

    @classmethod
    def parse(cls, data: bytes) -> tuple[SFrameHeader, bytes]:
        """Read a header, and return it with what follows it.

        Raises:
            SFrameError: The data ends within it.
        """
        if not data:
            raise SFrameError("an encrypted frame is empty")
        config, place, values = data[0], 1, []
        for bits in (config >> 4, config & 0x0F):
            size = (bits & 0x07) + 1 if bits & 0x08 else 0
            field = data[place : place + size]
            if len(field) < size:
                raise SFrameError("an encrypted frame ends within its header")
            values.append(int.from_bytes(field) if size else bits)
            place += size
        return cls(*values), data[place:]


class SFrameKey:
    """Keys of one key identifier, and the cipher with them.

    Args:
        base_key: Secret that both ends have.
        kid: Key identifier.
        suite: Cipher suite.
    """

    def __init__(self, base_key: bytes, *, kid: int, suite: SFrameSuite) -> None:
        label = kid.to_bytes(8) + suite.to_bytes(2)
        secret = _extract(base_key, suite)
        self.suite = suite
        self.kid = kid
        self._key = _expand(
            secret, suite, _key_size(suite), label=b"SFrame 1.0 Secret key " + label
        )
        self._salt = _expand(secret, suite, _NONCE, label=b"SFrame 1.0 Secret salt " + label)
        self._gcm = None if suite in _TAGS else AESGCM(self._key)

    def __repr__(self) -> str:
        return f"<SFrameKey {self.kid} {self.suite.name}>"

    def encrypt(self, plaintext: bytes, counter: int, *, metadata: bytes = b"") -> bytes:
        """Encrypt a frame, and return it behind its header.

        Args:
            plaintext: The frame.
            counter: Number of the frame, which no other one under this key may have.
            metadata: What is not encrypted, and authenticated all the same.
        """
        header = bytes(SFrameHeader(self.kid, counter))
        return header + self._seal(plaintext, nonce=self._nonce(counter), aad=header + metadata)

    def decrypt(self, header: SFrameHeader, sealed: bytes, *, metadata: bytes = b"") -> bytes:
        """Decrypt what follows a header.

        Raises:
            SFrameError: It was changed, or encrypted with another key.
        """
        aad, nonce = bytes(header) + metadata, self._nonce(header.counter)
        if self._gcm is not None:
            try:
                return self._gcm.decrypt(nonce, sealed, aad)
            except InvalidTag:
                raise SFrameError("an encrypted frame was changed, or has another key") from None
        size = _TAGS[self.suite]
        ciphertext, tag = sealed[:-size], sealed[-size:]
        if not hmac.compare_digest(tag, self._tag(ciphertext, nonce=nonce, aad=aad)):
            raise SFrameError("an encrypted frame was changed, or has another key")
        return self._ctr(ciphertext, nonce=nonce)

    def _seal(self, plaintext: bytes, *, nonce: bytes, aad: bytes) -> bytes:
        if self._gcm is not None:
            return self._gcm.encrypt(nonce, plaintext, aad)
        ciphertext = self._ctr(plaintext, nonce=nonce)
        return ciphertext + self._tag(ciphertext, nonce=nonce, aad=aad)

    def _nonce(self, counter: int) -> bytes:
        return (int.from_bytes(self._salt) ^ counter).to_bytes(_NONCE)

    def _ctr(self, data: bytes, *, nonce: bytes) -> bytes:
        key = algorithms.AES(self._key[:_ENCRYPTION_KEY])
        return Cipher(key, modes.CTR(nonce + bytes(4))).encryptor().update(data)

    def _tag(self, ciphertext: bytes, *, nonce: bytes, aad: bytes) -> bytes:
        size = _TAGS[self.suite]
        lengths = b"".join(each.to_bytes(8) for each in (len(aad), len(ciphertext), size))
        data = lengths + nonce + aad + ciphertext
        return hmac.digest(self._key[_ENCRYPTION_KEY:], data, "sha256")[:size]


class SFrameSender:
    """Encrypts the frames of senders: give it to `RtpSender.transform`, of several as well.

    Args:
        base_key: Secret that the receivers have.
        generation: Number of that secret among those of this sender.
        suite: Cipher suite.
        ratchet_bits: Bits of the key identifier that count the ratchet's steps; 0 for no ratchet.

    Raises:
        ConfigurationError: The secret is empty, or a number out of its range.
    """

    def __init__(
        self,
        base_key: bytes,
        *,
        generation: int = 0,
        suite: SFrameSuite = SFrameSuite.AES_128_GCM_SHA256_128,
        ratchet_bits: int = 0,
    ) -> None:
        _check(base_key, generation=generation, ratchet_bits=ratchet_bits)
        self._base_key = base_key
        self._generation = generation
        self._ratchet_bits = ratchet_bits
        self._step = 0
        self._suite = SFrameSuite(suite)
        self._counter = 0
        self._begin()

    def __repr__(self) -> str:
        return f"<SFrameSender {self._key!r} frames={self._counter}>"

    def __call__(self, frame: CodedFrame) -> bytes:
        """Encrypt a frame, whose clear beginning is authenticated.

        Raises:
            SFrameError: The packets of its codec have to be told by what is encrypted.
        """
        clear = _clear_octets(frame)
        counter, self._counter = self._counter, self._counter + 1
        head, rest = frame.payload[:clear], frame.payload[clear:]
        return head + self._key.encrypt(rest, counter, metadata=head)

    def ratchet(self) -> None:
        """Go on with the next key, from which nobody learns those before (RFC 9605 section 5.1).

        Raises:
            ConfigurationError: There are no bits for its steps.
        """
        if not self._ratchet_bits:
            raise ConfigurationError("a ratchet needs ratchet_bits, the same at each receiver")
        self._base_key = ratcheted(self._base_key, self._suite)
        self._step += 1
        self._begin()

    def _begin(self) -> None:
        step = self._step % (1 << self._ratchet_bits)
        kid = (self._generation << self._ratchet_bits) + step
        self._key = SFrameKey(self._base_key, kid=kid, suite=self._suite)
        self._counter = 0


@dataclasses.dataclass(slots=True)
class _Generation:
    """The newest key of one generation of a sender."""

    step: int
    base_key: bytes


class SFrameReceiver:
    """Decrypts the frames of one sender: give it to `RtpReceiver.transform`.

    A frame that cannot be decrypted is dropped.

    Args:
        base_keys: Secrets of the sender, by the number of their generation.
        suite: Cipher suite.
        ratchet_bits: As the sender has it.

    Attributes:
        refused: Frames that could not be decrypted.

    Raises:
        ConfigurationError: A secret is empty, or a number out of its range.
    """

    def __init__(
        self,
        base_keys: Mapping[int, bytes],
        *,
        suite: SFrameSuite = SFrameSuite.AES_128_GCM_SHA256_128,
        ratchet_bits: int = 0,
    ) -> None:
        self.refused = 0
        self._suite = SFrameSuite(suite)
        self._ratchet_bits = ratchet_bits
        self._generations: OrderedDict[int, _Generation] = OrderedDict()
        self._keys: OrderedDict[int, SFrameKey] = OrderedDict()
        for generation, base_key in base_keys.items():
            self.add_key(generation, base_key)

    def __repr__(self) -> str:
        return f"<SFrameReceiver {len(self._keys)} keys refused={self.refused}>"

    def add_key(self, generation: int, base_key: bytes) -> None:
        """Take a secret of the sender; beyond 1,024 keys the oldest is forgotten.

        Raises:
            ConfigurationError: The secret is empty, or the number out of its range.
        """
        _check(base_key, generation=generation, ratchet_bits=self._ratchet_bits)
        self.remove_key(generation)
        self._generations[generation] = _Generation(0, base_key)
        self._add(generation << self._ratchet_bits, base_key)
        if len(self._generations) > MAX_KEYS:
            self.remove_key(next(iter(self._generations)))

    def remove_key(self, generation: int) -> None:
        """Forget a secret, and what was ratcheted from it."""
        self._generations.pop(generation, None)
        for kid in [kid for kid in self._keys if kid >> self._ratchet_bits == generation]:
            del self._keys[kid]

    def __call__(self, frame: CodedFrame) -> bytes | None:
        """Decrypt a frame, or return None, which drops it."""
        clear = _clear_octets(frame)
        head, rest = frame.payload[:clear], frame.payload[clear:]
        try:
            header, sealed = SFrameHeader.parse(rest)
            return head + self._decrypt(header, sealed, head=head)
        except SFrameError:
            self.refused += 1
            return None

    def _decrypt(self, header: SFrameHeader, sealed: bytes, *, head: bytes) -> bytes:
        key = self._keys.get(header.kid)
        if key is not None:
            return key.decrypt(header, sealed, metadata=head)
        number = header.kid >> self._ratchet_bits
        generation = self._generations.get(number)
        if generation is None:
            raise SFrameError(f"the key {header.kid} is not known")
        steps = (header.kid - generation.step) % (1 << self._ratchet_bits)
        base_key = generation.base_key
        for _ in range(steps):
            base_key = ratcheted(base_key, self._suite)
        # Whoever forges an identifier must not make us step on.
        key = SFrameKey(base_key, kid=header.kid, suite=self._suite)
        plaintext = key.decrypt(header, sealed, metadata=head)
        former = (number << self._ratchet_bits) + generation.step % (1 << self._ratchet_bits)
        for kid in [kid for kid in self._keys if kid >> self._ratchet_bits == number]:
            # Frames under the key before may still be on their way.
            if kid != former:
                del self._keys[kid]
        self._generations[number] = _Generation(generation.step + steps, base_key)
        self._add(header.kid, base_key)
        return plaintext

    def _add(self, kid: int, base_key: bytes) -> None:
        self._keys[kid] = SFrameKey(base_key, kid=kid, suite=self._suite)


def ratcheted(base_key: bytes, suite: SFrameSuite) -> bytes:
    """Return the secret that follows another one (RFC 9605 section 5.1)."""
    size = _hash(suite).digest_size
    return _expand(_extract(base_key, suite), suite, size, label=b"SFrame 1.0 Ratchet")


def _check(base_key: bytes, *, generation: int, ratchet_bits: int) -> None:
    if not base_key:
        raise ConfigurationError("the secret of SFrame is empty")
    if not 0 <= ratchet_bits <= _MAX_RATCHET_BITS:
        raise ConfigurationError(f"ratchet_bits is 0 to {_MAX_RATCHET_BITS}, not {ratchet_bits}")
    if not 0 <= generation < _END >> ratchet_bits:
        raise ConfigurationError("the number of a secret of SFrame is too large")


def _clear_octets(frame: CodedFrame) -> int:
    match frame.codec.name.lower():
        case "vp8":
            return _VP8_KEYFRAME if frame.keyframe else _VP8_FRAME
        case _ if frame.codec.kind == "audio":
            return 0
        case name:
            # Its packets are cut at structures of the frame, which encryption hides.
            raise SFrameError(f"SFrame encrypts audio and VP8 here, not {name}")


def _field(value: int) -> tuple[int, bytes]:
    """Write a number of a header: four bits, and the octets that follow."""
    if value < 8:
        return value, b""
    size = (value.bit_length() + 7) // 8
    return 0x08 | size - 1, value.to_bytes(size)


def _key_size(suite: SFrameSuite) -> int:
    if suite in _TAGS:
        return _ENCRYPTION_KEY + _HMAC_KEY
    return 32 if suite is SFrameSuite.AES_256_GCM_SHA512_128 else 16


def _hash(suite: SFrameSuite) -> hashes.HashAlgorithm:
    if suite is SFrameSuite.AES_256_GCM_SHA512_128:
        return hashes.SHA512()
    return hashes.SHA256()


def _extract(base_key: bytes, suite: SFrameSuite) -> bytes:
    """HKDF-Extract without salt (RFC 5869 section 2.2)."""
    algorithm = _hash(suite)
    return hmac.digest(bytes(algorithm.digest_size), base_key, algorithm.name)


def _expand(secret: bytes, suite: SFrameSuite, size: int, *, label: bytes) -> bytes:
    return HKDFExpand(_hash(suite), size, label).derive(secret)
