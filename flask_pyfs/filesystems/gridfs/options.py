"""The options that a connection string of MongoDB may have."""

from __future__ import annotations

from pymongo import common, uri_parser

__all__ = ["known_options"]


def known_options() -> dict[str, str]:
    """Return the options in lower case, each with its usual spelling. The driver ignores any other."""
    # older drivers have no list of the usual spellings
    usual = getattr(uri_parser, "URI_OPTIONS", ())
    return {**{name: name for name in common.VALIDATORS}, **{name.lower(): name for name in usual}}
