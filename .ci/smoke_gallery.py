"""Runs the gallery example as its readers do and uses it over a socket: upload, look, refuse, delete, undo.

Start it with the Python of an environment in which the package is installed.
"""

from __future__ import annotations

import http.cookiejar
import secrets
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Callable, Mapping
from email.message import Message
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 60
REQUEST_SECONDS = 30
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle cx="4" cy="4" r="4"/></svg>'


class Failure(Exception):
    pass


class Page(HTMLParser):
    """The parts of the gallery's page that a visitor uses."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.token = ""
        self.images: list[str] = []
        self.links: list[str] = []
        self.messages: list[tuple[str, str]] = []
        self.refused = ""
        self.kept = ""
        self._is_refused = False
        self._category: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "input" and values.get("name") == "token":
            self.token = values["value"]
        elif tag == "input" and values.get("name") == "kept":
            self.kept = values["value"]
        elif tag == "img" and "src" in values:
            self.images.append(values["src"])
        elif tag == "a":
            self.links.append(values["href"])
        elif tag == "p" and values.get("class") in ("error", "success"):
            self._category = values["class"]
        elif tag == "ul":
            self._is_refused = values.get("id") == "refused"

    def handle_data(self, data: str) -> None:
        if self._category is not None:
            self.messages.append((self._category, data))
            self._category = None
        elif self._is_refused:
            self.refused += data


class Visitor:
    """A browser without JavaScript."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.token = ""
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        )

    def request(
        self, path: str, data: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Message, bytes]:
        request = urllib.request.Request(urllib.parse.urljoin(self.base, path), data, headers or {})
        try:
            with self._opener.open(request, timeout=REQUEST_SECONDS) as response:
                return response.status, response.headers, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def page(self, path: str = "/", data: bytes | None = None, headers: dict[str, str] | None = None) -> Page:
        status, _, body = self.request(path, data, headers)
        check(status == 200, f"{path} answered {status}: {body[:500]!r}")
        page = Page(body.decode())
        self.token = page.token
        return page

    def image_url(self, name: str) -> str | None:
        # the newest come first
        return url_of(name, self.page().links)

    def shown_url(self, name: str) -> str | None:
        urls = [url for url in self.page().images if name in urllib.parse.unquote(url)]
        return urls[0] if urls else None

    def upload(self, *files: tuple[str, bytes]) -> Page:
        boundary = secrets.token_hex(16)
        pieces = [f'--{boundary}\r\nContent-Disposition: form-data; name="token"\r\n\r\n{self.token}\r\n'.encode()]
        for name, content in files:
            disposition = f'Content-Disposition: form-data; name="photos"; filename="{name}"'
            head = f"--{boundary}\r\n{disposition}\r\nContent-Type: application/octet-stream\r\n\r\n"
            pieces += [head.encode(), content, b"\r\n"]
        pieces.append(f"--{boundary}--\r\n".encode())
        return self.page("/", b"".join(pieces), {"Content-Type": f"multipart/form-data; boundary={boundary}"})

    def delete(self, name: str) -> Page:
        return self.page("/delete", urllib.parse.urlencode({"token": self.token, "name": name}).encode())

    def undo(self, kept: str) -> Page:
        return self.page("/undo", urllib.parse.urlencode({"token": self.token, "kept": kept}).encode())


def url_of(name: str, urls: list[str]) -> str | None:
    return next((url for url in urls if urllib.parse.unquote(url).endswith("/" + name)), None)


def check(condition: object, message: str) -> None:
    if not condition:
        raise Failure(message)


def make_png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    # random colours, so that no two runs make the same file
    rows = b"".join(b"\0" + secrets.token_bytes(3 * width) for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def visit(visitor: Visitor) -> None:
    mark = f"smoke-{secrets.token_hex(8)}"
    png_name, svg_name, exe_name = f"{mark}.png", f"{mark}.svg", f"{mark}.exe"
    png = make_png(900, 600)
    visitor.page()
    try:
        messages = visitor.upload((png_name, png), (svg_name, SVG)).messages
        check(messages == [("success", "2 images were stored.")], f"after the upload the page says {messages}")
        url = visitor.image_url(png_name)
        check(url, f"the page does not show {png_name}")
        check_png(visitor, str(url), png)
        thumbnail_url = visitor.shown_url(png_name)
        check(thumbnail_url not in (None, url), f"the page shows {thumbnail_url} for {png_name}")
        check_thumbnail(visitor, str(thumbnail_url))
        svg_url = visitor.image_url(svg_name)
        check(svg_url, f"the page does not show {svg_name}")
        check_svg(visitor, str(svg_url))

        page = visitor.upload((exe_name, b"MZ" + bytes(100)))
        check(
            [category for category, _ in page.messages] == ["error"] and exe_name in page.refused,
            f"after the upload of {exe_name} the page says {page.messages} {page.refused}",
        )
        check(visitor.image_url(exe_name) is None, f"{exe_name} was stored")
        exe_status = visitor.request(str(url).replace(png_name, exe_name))[0]
        check(exe_status == 404, f"{exe_name} answers {exe_status}")

        kept = visitor.delete(png_name).kept
        check(visitor.image_url(png_name) is None, f"the page shows {png_name}, which was deleted")
        messages = visitor.undo(kept).messages
        check(messages == [("success", f"“{png_name}” is back.")], f"after the undo the page says {messages}")
        check_png(visitor, str(url), png)
    finally:
        for name in (png_name, svg_name, exe_name):
            visitor.delete(name)

    for name, gone in ((png_name, str(url)), (png_name, str(thumbnail_url)), (svg_name, str(svg_url))):
        # the URL of a thumbnail leads to that of the image
        status = visitor.request(gone)[0]
        check(status == 404, f"{name} answers {status} after it was deleted")
        check(visitor.image_url(name) is None, f"the page still shows {name} after it was deleted")


def check_png(visitor: Visitor, url: str, png: bytes) -> None:
    status, headers, body = visitor.request(url)
    check(status == 200, f"{url} answers {status}")
    check(body == png, f"{url} gives {len(body)} bytes that are not the {len(png)} that were uploaded")
    check(headers["Content-Type"] == "image/png", f"{url} has the type {headers['Content-Type']}")
    check(headers["Content-Length"] == str(len(png)), f"{url} has the length {headers['Content-Length']}")

    status, headers, body = visitor.request(url, headers={"Range": "bytes=1000-1999"})
    check(status == 206, f"{url} answers {status} to a range")
    check(body == png[1000:2000], f"{url} gives the wrong bytes for a range")
    expected = f"bytes 1000-1999/{len(png)}"
    check(headers["Content-Range"] == expected, f"{url} calls a range {headers['Content-Range']}, not {expected}")


def check_thumbnail(visitor: Visitor, url: str) -> None:
    status, headers, body = visitor.request(url)
    check(status == 200, f"{url} answers {status}")
    check(headers["Content-Type"] == "image/png", f"{url} has the type {headers['Content-Type']}")
    # the header of a PNG: its width and height
    check(struct.unpack(">II", body[16:24]) == (480, 320), f"{url} is not a thumbnail: {body[:24]!r}")


def check_svg(visitor: Visitor, url: str) -> None:
    status, headers, body = visitor.request(url)
    check(status == 200 and body == SVG, f"{url} answers {status} with {body!r}")
    check(headers["Content-Type"].startswith("image/svg+xml"), f"{url} has the type {headers['Content-Type']}")
    check("sandbox" in headers.get("Content-Security-Policy", ""), f"{url} is not sandboxed")


def wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        check(process.poll() is None, f"the server ended with status {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise Failure(f"the server did not answer within {START_SECONDS} seconds")


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run(app: str, visit: Callable[[str], None], environment: Mapping[str, str] | None = None) -> bool:
    """Serve an app, let a visitor in, and return whether all was well. What the server said is shown if it was not."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "flask", "--app", app, "run", "--port", str(port)]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_for(process, port)
            visit(f"http://127.0.0.1:{port}/")
        except (Failure, OSError) as error:
            stop(process)
            log.seek(0)
            print(log.read().decode(errors="replace"), file=sys.stderr)
            print(f"{app} failed: {error}", file=sys.stderr)
            return False
        finally:
            stop(process)
    return True


def main() -> int:
    if not run("docs/examples/gallery", lambda url: visit(Visitor(url))):
        return 1
    print("the gallery stores, shows, refuses, deletes and brings back")
    return 0


if __name__ == "__main__":
    sys.exit(main())
