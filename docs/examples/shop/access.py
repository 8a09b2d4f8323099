"""Who may do what."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import abort
from flask_login import AnonymousUserMixin, current_user, login_required

import flask_pyfs as fs


class Visitor(AnonymousUserMixin):
    is_admin = False


def admins_only(view: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(view)
    @login_required
    def checked(**values: Any) -> Any:
        if not current_user.is_admin:
            abort(403)
        return view(**values)

    return checked


def may_read_invoice(access: fs.Access) -> bool:  # glue: private
    owner = access.filename.partition("/")[0]  # glue: private
    return current_user.is_admin or current_user.get_id() == owner  # glue: private
