"""Makes a key."""

from __future__ import annotations

import click

from ..encryption.keys import new_key
from .output import Output


@click.command()
def keygen() -> None:
    """Print a new random key for ENCRYPTION_KEYS.

    It is kept nowhere. Files that it encrypts cannot be read without it, so put it where the app gets its secrets from,
    and keep a copy at another place.

    \b
    Example:
        flask fs keygen
    """
    Output().result(new_key())
