"""Upload many small images on the gallery's page, and send the same by a script: ``python tests/bench/gallery.py``.

Both send them to the same app on waitress, which verifies and stores them: Chromium as the page tells it, and a script
one in a request, over as many connections as the page uses. They take turns, and what counts is the ratio of each pair.
Needs Chromium and the extra ``test``.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import re
import secrets
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from galleries import gallery  # noqa: E402
from PIL import Image  # noqa: E402
from servers.chromium import Page, chromium  # noqa: E402
from web import served  # noqa: E402

CONNECTIONS = 4
SECONDS = 600
DONE = "document.getElementById('transfer').hidden && document.getElementById('status').innerText.includes('stored')"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1000, help="how many (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="how often both upload them (default: %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flask_pyfs-bench-") as area, gallery() as module:
        directory = Path(area)
        files = draw(directory / "images", options.images)
        app = module.create_app(instance_path=str(directory / "instance"))
        (directory / "chromium").mkdir()
        ratios = []
        with served(app) as port, chromium(directory / "chromium") as browser, browser.page() as page:
            for number in range(options.rounds):
                runs = [lambda: by_script(port, files), lambda: in_browser(page, port, files)]
                # who comes second finds more images in the store
                script, browsed = (run() for run in runs) if number % 2 else reversed([run() for run in runs[::-1]])
                ratios.append(browsed / script)
                print(f"script {script:.2f} s, browser {browsed:.2f} s: {ratios[-1]:.2f} times", flush=True)
        print(f"{options.images} images: the browser takes {statistics.median(ratios):.2f} times as long (median)")


def draw(directory: Path, number: int) -> list[Path]:
    """Make small images: a few kB each, as thumbnails and icons have."""
    directory.mkdir()
    files = []
    for index in range(number):
        noise = Image.frombytes("RGB", (8, 8), secrets.token_bytes(192))
        files.append(directory / f"image {index}.jpg")
        noise.resize((160, 120)).save(files[-1])
    return files


def in_browser(page: Page, port: int, files: list[Path]) -> float:
    page.open(f"http://127.0.0.1:{port}/")
    start = time.perf_counter()
    page.choose_files("#files", *files)
    page.wait_for(DONE, SECONDS)
    seconds = time.perf_counter() - start
    said = page.evaluate("document.getElementById('status').innerText")
    if said != f"{len(files):,} images were stored.":
        sys.exit(said)
    return seconds


def by_script(port: int, files: list[Path]) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/")
    answer = connection.getresponse()
    cookie = str(answer.headers["Set-Cookie"]).partition(";")[0]
    found = re.search(rb'name="token" value="([^"]+)"', answer.read())
    token = found[1] if found else b""
    start = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        list(
            threads.map(
                lambda part: send(port, cookie, token, part), [files[n::CONNECTIONS] for n in range(CONNECTIONS)]
            )
        )
    return time.perf_counter() - start


def send(port: int, cookie: str, token: bytes, files: list[Path]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"Cookie": cookie, "Accept": "application/json", "Content-Type": "multipart/form-data; boundary=x"}
    for file in files:
        body = io.BytesIO()
        body.write(b'--x\r\nContent-Disposition: form-data; name="token"\r\n\r\n' + token)
        body.write(
            f'\r\n--x\r\nContent-Disposition: form-data; name="photos"; filename="{file.name}"\r\n'
            "Content-Type: image/jpeg\r\n\r\n".encode()
        )
        body.write(file.read_bytes() + b"\r\n--x--\r\n")
        connection.request("POST", "/", body.getvalue(), headers)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 201:
            sys.exit(f"{answer.status}: {json.loads(said)}")


if __name__ == "__main__":
    main()
