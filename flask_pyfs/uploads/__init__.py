"""What happens to an upload before it is stored: a safe name, verified content."""

from .naming import client_name

__all__ = ["client_name"]
