"""Tink reads the encrypted files of the package, and the package those of Tink."""

import io

import pytest
import tink
from cryptography.hazmat.primitives.hashes import SHA1
from encrypted_files import FIRST, HEADER, KEYRING, REST, SEGMENT, SIZES, content_of, decrypted, encrypted, spelled_out
from tink import secret_key_access, streaming_aead
from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2, tink_pb2

from flask_pyfs.encryption.keys import Keyring
from flask_pyfs.encryption.segments import plain_size

streaming_aead.register()


class Program:
    """A program with Tink. Without parameters it has those of the package."""

    def __init__(self, key, segment=SEGMENT, derived=32, kind=common_pb2.SHA256):
        params = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingParams(
            ciphertext_segment_size=segment, derived_key_size=derived, hkdf_hash_type=kind
        )
        value = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(version=0, key_value=bytes(key), params=params)
        data = tink_pb2.KeyData(
            type_url="type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey",
            value=value.SerializeToString(),
            key_material_type=tink_pb2.KeyData.SYMMETRIC,
        )
        entry = tink_pb2.Keyset.Key(key_id=1, status=tink_pb2.ENABLED, output_prefix_type=tink_pb2.RAW, key_data=data)
        keyset = tink_pb2.Keyset(primary_key_id=1, key=[entry]).SerializeToString()
        handle = tink.proto_keyset_format.parse(keyset, secret_key_access.TOKEN)
        self._primitive = handle.primitive(streaming_aead.StreamingAead)

    def encrypt(self, content, piece=1 << 20):
        target = Kept()
        with self._primitive.new_encrypting_stream(target, b"") as file:
            for start in range(0, len(content), piece):
                file.write(content[start : start + piece])
        return target.content

    def decrypt(self, file, data=b""):
        with self._primitive.new_decrypting_stream(io.BytesIO(file), data) as source:
            return source.read()


class Kept(io.BytesIO):
    """Tink closes what it writes to."""

    def close(self):
        if not self.closed:
            self.content = self.getvalue()
        super().close()


@pytest.fixture(scope="module")
def program():
    return Program(KEYRING.first.secret)


@pytest.mark.parametrize("size", SIZES)
def test_tink_reads_the_files(program, size):
    content = content_of(size)
    assert program.decrypt(encrypted(content)) == content


@pytest.mark.parametrize("piece", [1 << 20, REST, FIRST, 1000])
@pytest.mark.parametrize("size", SIZES)
def test_the_files_of_tink_are_read(program, size, piece):
    content = content_of(size)
    file = program.encrypt(content, piece)
    # it writes no empty segment after a full one, in whatever pieces the content comes
    assert plain_size(len(file)) == size
    assert decrypted(file).readall() == content


# the vector of Tink's own tests
VECTOR_KEY = bytes.fromhex("6eb56cdc726dfbe5d57f2fcdc6e9345b")
VECTOR_DATA = b"aad"
VECTOR_HEADER = bytes.fromhex("18" + "93b3af5e14ab378d065addfc8484da64" + "2c0862877baea8")
VECTOR_CONTENT = b"This is a fairly long plaintext. It is of the exact length to create three output blocks. "
VECTOR = VECTOR_HEADER + bytes.fromhex(
    "db92d9c77406a406168478821c4298eab3e6d531277f4c1a051714faebcaefcbca7b7be05e9445ea"
    "a0bb2904153398a25084dd80ae0edcd1c3079fcea2cd3770630ee36f7539207b8ec9d754956d486b"
    "71cdf989f0ed6fba6779b63558be0a66e668df14e1603cd2"
    "af8944844078345286d0b292e772e7190775c51a0f83e40c0b75821027e7e538e111"
)


def test_the_format_is_the_one_of_the_vector_of_tink():
    program = Program(VECTOR_KEY, segment=64, derived=16, kind=common_pb2.SHA1)
    assert program.decrypt(VECTOR, VECTOR_DATA) == VECTOR_CONTENT
    contents = [VECTOR_CONTENT[:24], VECTOR_CONTENT[24:72], VECTOR_CONTENT[72:]]
    assert spelled_out(VECTOR_KEY, VECTOR_HEADER, contents, SHA1, VECTOR_DATA) == VECTOR


@pytest.mark.parametrize("size", SIZES)
def test_the_format_is_the_one_of_the_package(size):
    file = encrypted(content_of(size))
    contents = [
        content_of(size)[:FIRST],
        *(content_of(size)[start : start + REST] for start in range(FIRST, size, REST)),
    ]
    assert spelled_out(KEYRING.first.secret, file[:HEADER], contents) == file


# what Tink 1.16 wrote with the key 00 01 02 … 1f
OLD_KEYRING = Keyring(["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="])
OLD_EMPTY = (
    "284284788f55fbcee68c971608407730aa8538af2c91a56252d30ff82f28d1a3c9a14c04fe4bbc147855a92679c6c624e2e1e3e4f260426f"
)
OLD_HELLO = (
    "281750ea3d52f5a46c18f883dbc99a8513bf5d174e5fc8807fc18fc263212269872dda3479f424a5d7"
    "6e2e745de3c8e8db6fae4a94651eb8ec792daced"
)


@pytest.mark.parametrize(("file", "content"), [(OLD_EMPTY, b""), (OLD_HELLO, b"hello")])
def test_files_that_tink_wrote_once_are_read(file, content):
    assert decrypted(bytes.fromhex(file), OLD_KEYRING).readall() == content


def test_a_file_with_an_empty_segment_after_a_full_one_is_none():
    """Tink writes none, but reads it."""
    content = content_of(FIRST)
    file = spelled_out(KEYRING.first.secret, encrypted(b"")[:HEADER], [content, b""])
    assert Program(KEYRING.first.secret).decrypt(file) == content
    assert plain_size(len(file)) is None
