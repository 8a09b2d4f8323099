"""The longest names that a file may have, in the URLs of uploads, on a server that limits the length of a URL."""

import hashlib
from http.client import HTTPConnection
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from servers.gunicornapp import gunicorn
from servers.process import HOST
from uploading import OFFSET_TYPE

from flask_pyfs.names import MAX_BYTES

pytestmark = pytest.mark.server

CONTENT = hashlib.sha256(b"content").digest()
# components of 255 bytes, as file systems allow
EACH = {"accents": "é" * 127, "quotes": '"' * 255, "ideographs": "界" * 85, "letters": "a" * 255}


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    directory = tmp_path_factory.mktemp("gunicorn")
    env = {"UPLOADS_ROOT": str(directory / "files")}
    with gunicorn(directory, "uploadsapp:app", env=env, options=("--timeout=60",)) as process:
        yield process.port


@pytest.mark.parametrize("part", EACH)
def test_the_longest_name(port, part):
    name = "/".join([EACH[part]] * 5).encode()[:MAX_BYTES].decode(errors="ignore")
    assert MAX_BYTES - 3 < len(name.encode()) <= MAX_BYTES
    connection = HTTPConnection(HOST, port, timeout=60)

    def ask(method, url, body=None, **fields):
        headers = {"Tus-Resumable": "1.0.0", **{field.replace("_", "-"): value for field, value in fields.items()}}
        connection.request(method, url, body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers

    with urlopen(f"http://{HOST}:{port}/begin/{quote(name)}") as answer:
        url = answer.read().decode()
    status, headers = ask("POST", url, Upload_Length=str(len(CONTENT)))
    assert status == 201
    fields = {"Content_Type": OFFSET_TYPE, "Upload_Offset": "0"}
    assert ask("PATCH", headers["Location"], CONTENT, **fields)[0] == 204
    status, headers = ask("HEAD", headers["Location"])
    assert (status, headers["Upload-Offset"]) == (200, str(len(CONTENT)))
