"""Encrypted files: as the package makes and reads them, in parts, and as the format describes them."""

import io
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from flask_pyfs.encryption.keys import Keyring, new_key
from flask_pyfs.encryption.segments import EncryptedStream, plain_size
from flask_pyfs.filesystems.encrypted.reading import DecryptedFile

#: The lengths of a segment of the file, of the header, and of the content of the first segment and of each other one.
SEGMENT, HEADER, FIRST, REST = 65_536, 40, 65_480, 65_520

#: Lengths of contents: none, one byte, and around the borders of three segments.
SIZES = (0, 1, *(border + off for border in (FIRST, FIRST + REST, FIRST + 2 * REST) for off in (-1, 0, 1)))

KEYRING = Keyring([new_key()])


def content_of(size):
    """Return content in which no four bytes are twice."""
    return b"".join(number.to_bytes(4, "big") for number in range(size // 4 + 1))[:size]


def encrypted(content, keyring=KEYRING):
    return EncryptedStream(io.BytesIO(content), keyring.first.secret).read()


def decrypted(file, keyring=KEYRING, source: Any = None, **options):
    """Return the content of an encrypted file, as an open file without a buffer.

    :param source: where the file is read from.
    """
    size = plain_size(len(file))
    assert size is not None
    return DecryptedFile("a.bin", source or io.BytesIO(file), len(file), size, keyring, **options)


def parts_of(file):
    """Return the header of an encrypted file, and its segments."""
    starts = [HEADER, *range(SEGMENT, len(file), SEGMENT)]
    return file[:HEADER], [file[start:stop] for start, stop in zip(starts, [*starts[1:], len(file)], strict=True)]


def spelled_out(key, header, contents, kind=SHA256, data=b""):
    """Return the encrypted file whose segments have these contents.

    :param kind: the hash.
    :param data: the associated data.
    """
    length = len(header) - 8
    derived = HKDF(kind(), length, header[1 : 1 + length], data).derive(key)
    last = len(contents) - 1
    nonces = [header[-7:] + number.to_bytes(4, "big") + bytes([number == last]) for number in range(len(contents))]
    segments = (AESGCM(derived).encrypt(nonce, content, None) for nonce, content in zip(nonces, contents, strict=True))
    return header + b"".join(segments)
