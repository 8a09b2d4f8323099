"""Runs the shop example as its readers do and uses it over a socket: a product, an avatar, an order, a refused invoice.

Start it with the Python of an environment in which the package and the requirements of the shop are installed.
"""

from __future__ import annotations

import html
import os
import re
import secrets
import subprocess
import sys
import tempfile
import urllib.parse
from pathlib import Path

from smoke_gallery import ROOT, Visitor, check, make_png, run

SHOP = "docs/examples/shop"
PDF = b"%PDF-1.7\n%%EOF\n"
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


class Customer:
    """A person with cookies, who fills in the forms of the shop."""

    def __init__(self, base: str) -> None:
        self._visitor = Visitor(base)

    def get(self, path: str) -> tuple[int, bytes]:
        status, _, body = self._visitor.request(path)
        return status, body

    def page(self, path: str) -> str:
        status, body = self.get(path)
        check(status == 200, f"{path} answered {status}: {body[:500]!r}")
        return body.decode()

    def post(self, path: str, fields: dict[str, str], *files: tuple[str, str, bytes]) -> str:
        """Send the form of a page, and return the page after it."""
        token = TOKEN.search(self.page(path))
        check(token, f"{path} has no token")
        boundary = secrets.token_hex(16)
        pieces = []
        for name, value in {"csrf_token": token[1] if token else "", **fields}.items():
            pieces.append(f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode())
        for name, filename, content in files:
            head = f'Content-Disposition: form-data; name="{name}"; filename="{filename}"\r\n\r\n'
            pieces.append(head.encode() + content)
        body = b"".join(b"--%b\r\n%b\r\n" % (boundary.encode(), piece) for piece in pieces)
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        _, _, answer = self._visitor.request(path, body + f"--{boundary}--\r\n".encode(), headers)
        return answer.decode()


def urls(page: str, part: str) -> list[str]:
    found = (html.unescape(url) for url in re.findall(r'(?:href|src)="([^"]*)"', page))
    return [url for url in found if part in url]


def visit(base: str, said: str) -> None:
    password = re.search(r"ada@example\.com has the password (\S+)", said)
    check(password, f"the command says {said!r}")
    ada, zoe, eve = Customer(base), Customer(base), Customer(base)
    ada.post("/sign-in", {"email": "ada@example.com", "password": password[1] if password else ""})

    png = make_png(900, 600)
    product = {"name": "Kettle", "price": "59", "description": "It whistles."}
    files = ("picture", "kettle.png", png), ("manuals", "a.pdf", PDF), ("manuals", "b.pdf", PDF)
    page = ada.post("/products/new", product, *files)
    check("was saved" in page, f"after a new product the page says {page[:2000]!r}")
    check(len(urls(page, "/manuals/")) == 2, "the product does not have two manuals")
    check(zoe.get(urls(page, "/pictures/")[0]) == (200, png), "the picture is not served")
    refused = ada.post("/products/new", product, ("picture", "a.png", b"MZ" + bytes(99)))
    check("its content is not that of a png file" in html.unescape(refused), "a program was taken for a picture")

    for customer, name in ((zoe, "zoe"), (eve, "eve")):
        fields = {"name": name, "email": f"{name}@example.org", "password": "a long password"}
        page = customer.post("/register", fields, ("avatar", "me.png", png))
        check(len(urls(page, "/avatars/")) == 1, f"the page of {name} shows no avatar: {page[:2000]!r}")
    [lamp] = [url for url in urls(zoe.page("/"), "/products/") if url.endswith("/1")]
    [invoice] = urls(zoe.post(urllib.parse.urlsplit(lamp).path, {"quantity": "2"}), "/invoices/")
    for customer, expected in ((zoe, 200), (ada, 200), (eve, 403), (Customer(base), 403)):
        status, body = customer.get(invoice)
        check(status == expected, f"{invoice} answers {status}, not {expected}")
        check(body.startswith(b"%PDF-") == (status == 200), f"{invoice} answers {status} with {body[:99]!r}")

    for path in ("product", "customer", "order", "manual_files"):
        ada.page(f"/admin/{path}/")
        check(eve.get(f"/admin/{path}/")[0] == 403, f"anybody may see {path} in the administration")


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        # a shop of its own, also if the clone has one
        environment = {
            **os.environ,
            "FLASK_SQLALCHEMY_DATABASE_URI": f"sqlite:///{directory}/shop.db",
            "FLASK_FS_ROOT": str(Path(directory, "files")),
        }
        setup = [sys.executable, "-m", "flask", "--app", SHOP, "setup"]
        said = subprocess.run(setup, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
        if not run(SHOP, lambda url: visit(url, said), environment):
            return 1
    print("the shop sells, shows, refuses and keeps invoices private")
    return 0


if __name__ == "__main__":
    sys.exit(main())
