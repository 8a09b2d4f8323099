"""What all kinds of arguments have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

__all__ = ["ParamType"]

if TYPE_CHECKING:
    ParamType = click.ParamType
else:

    class ParamType(click.ParamType):
        """A kind of arguments. Older versions of click do not take the type to which it converts."""

        def __class_getitem__(cls, converted: Any) -> type:
            return cls
