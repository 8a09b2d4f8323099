"""A store whose files are encrypted in another one."""

from .filesystem import EncryptedFS

__all__ = ["EncryptedFS"]
