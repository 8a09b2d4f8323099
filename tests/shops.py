"""The shop of the documentation, as an app for tests, and what its visitors do."""

from __future__ import annotations

import importlib
import io
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy
from PIL import Image
from werkzeug.security import generate_password_hash

EXAMPLES = Path(__file__).resolve().parents[1] / "docs" / "examples"
SHOP = EXAMPLES / "shop"

PASSWORD = "a long password"
# few rounds, as the password of many tests
PASSWORD_HASH = generate_password_hash(PASSWORD, "pbkdf2:sha256:1")
PDF = b"%PDF-1.7\n%%EOF\n"
MP4 = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0\0\0\x08moov"


def shop() -> Any:
    """Import the package ``shop`` as ``flask --app docs/examples/shop`` does. Celery knows its task from then on."""
    if str(EXAMPLES) not in sys.path:
        sys.path.append(str(EXAMPLES))
    return importlib.import_module("shop")


def new_shop(instance: Path) -> Any:
    """Make the app of an empty shop, with its tables, and with two customers and the administrator."""
    app = shop().create_app(str(instance))
    models = importlib.import_module("shop.models")
    with app.app_context():
        # no test takes the power from the disk
        sqlalchemy.event.listen(models.db.engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous = OFF"))
        models.db.create_all()
        for name in ("ada", "ben", "eve"):
            customer = models.Customer(name=name.title(), email=f"{name}@example.com", is_admin=name == "ada")
            customer.password_hash = PASSWORD_HASH
            models.db.session.add(customer)
        models.db.session.add(models.Product(name="Teapot", price=48, description="It holds a litre."))
        models.db.session.commit()
    return app


@cache
def png(colour: str = "teal", size: tuple[int, int] = (900, 700)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


class Visitor:
    """A browser without JavaScript, with the cookies of one person."""

    def __init__(self, app: Any) -> None:
        self.client = app.test_client()

    def get(self, path: str) -> Any:
        return self.client.get(path)

    def text(self, path: str) -> str:
        response = self.get(path)
        assert response.status_code == 200, response.text
        return str(response.text)

    def post(self, path: str, form: str | None = None, **data: Any) -> Any:
        """Send the form on the page ``form``, which is that of the path by default."""
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.text(path if form is None else form))
        assert found is not None
        return self.client.post(path, data={"csrf_token": found[1], **data}, follow_redirects=True)

    def sign_in(self, email: str) -> Visitor:
        assert self.post("/sign-in", email=email, password=PASSWORD).status_code == 200
        return self


def file(content: bytes, name: str) -> tuple[io.BytesIO, str]:
    return io.BytesIO(content), name
