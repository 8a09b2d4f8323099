"""An OpenStack Swift container as a filesystem."""

from .filesystem import SwiftFS

__all__ = ["SwiftFS"]
