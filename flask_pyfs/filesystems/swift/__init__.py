"""A container of OpenStack Swift as a filesystem."""

from .filesystem import SwiftFS

__all__ = ["SwiftFS"]
