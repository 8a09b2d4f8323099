"""What happens to an upload before it is stored."""

from ..seekable import client_name

__all__ = ["client_name"]
