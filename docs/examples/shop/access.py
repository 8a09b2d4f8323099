"""Who may do what."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import abort, current_app
from flask_login import AnonymousUserMixin, current_user

import flask_pyfs as fs


class Visitor(AnonymousUserMixin):
    is_admin = False


def admins_only(view: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(view)
    def checked(**values: Any) -> Any:
        if not current_user.is_authenticated:
            return current_app.login_manager.unauthorized()  # type: ignore[attr-defined]
        if not current_user.is_admin:
            abort(403)
        return view(**values)

    return checked


def may_read_invoice(access: fs.Access) -> bool:  # glue: private
    owner = access.filename.partition("/")[0]  # glue: private
    return current_user.is_admin or current_user.get_id() == owner  # glue: private
