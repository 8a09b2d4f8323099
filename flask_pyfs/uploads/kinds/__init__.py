"""Tells the kinds of files apart by their content.

Each module knows one family of formats, from its specification. What it looks at is bounded: at most 1 MiB of the
file is read, and no healthy file of any size needs more.
"""

from .source import Source
from .table import KINDS

__all__ = ["KINDS", "Source"]
