"""The format of encrypted files, and the keys of a storage."""

from ..extras import required_by

with required_by("encryption", "cryptography"):
    import cryptography  # noqa: F401
