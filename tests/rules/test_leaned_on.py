"""What the package relies on though no library promises it.

Each test states one fact, without a server. Its name begins with the library, and its docstring names the modules that
rely on the fact: look there before you change the test.
"""

import ast
import copy
import ftplib
import inspect
import io
import os
import pickle
import stat
import struct
import zlib
from inspect import signature
from pathlib import Path

import fs_s3fs
import mongoengine
import pymongo
import pytest
import requests
import sqlalchemy
from boto3.session import Session
from botocore import xform_name
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError
from botocore.response import StreamingBody
from flask import Flask, current_app
from fs import _ftp_parse, errors, opener
from fs.copy import copy_file
from fs.enums import ResourceType
from fs.ftpfs import FTPFS, FTPFile
from fs.info import Info
from fs.memoryfs import MemoryFS
from fs.opener import registry
from fs.osfs import OSFS
from keystoneauth1.session import Session as KeystoneSession
from mongoengine.base import BaseField
from PIL import Image, features
from PIL.JpegImagePlugin import JpegImageFile, get_sampling
from requests.adapters import HTTPAdapter
from sqlalchemy import event
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.orm.attributes import instance_state
from sqlalchemy.types import TypeDecorator
from swiftclient.client import http_connection
from urllib3 import HTTPResponse
from werkzeug import Request, Response
from werkzeug.test import create_environ
from werkzeug.wsgi import FileWrapper

import flask_pyfs

# botocore


def s3_client(port=1, attempts=1):
    session = Session(aws_access_key_id="key", aws_secret_access_key="secret", region_name="us-east-1")
    config = Config(s3={"addressing_style": "path"}, retries={"mode": "standard", "total_max_attempts": attempts})
    return session.client("s3", endpoint_url=f"http://127.0.0.1:{port}", config=config)


def answering(status, headers=()):
    """Return a client that gets the same answer to every request, with an empty body."""

    class Body(io.BytesIO):
        def stream(self, **options):
            yield self.read()

    client = s3_client()
    client.meta.events.register(
        "before-send.s3", lambda request, **more: AWSResponse(request.url, status, dict(headers), Body())
    )
    return client


def test_botocore_asks_the_listeners_of_needs_retry_the_first_one_first(unused_port):
    """filesystems.s3.client ends the attempts after a timeout there."""
    client, caught = s3_client(unused_port, attempts=3), []

    def give_up(caught_exception=None, **more):
        caught.append(caught_exception)
        raise caught_exception

    client.meta.events.register_first("needs-retry.s3", give_up)
    with pytest.raises(EndpointConnectionError):
        client.head_object(Bucket="bucket", Key="key")
    assert [type(error) for error in caught] == [EndpointConnectionError]


def test_botocore_sends_the_headers_that_a_listener_of_before_call_adds(unused_port):
    """filesystems.s3.client adds the MD5 of the list of keys to DeleteObjects there."""
    client, sent = s3_client(unused_port), []

    def add(params, **more):
        assert params["body"].startswith(b"<Delete")
        params["headers"]["Content-MD5"] = "md5"

    client.meta.events.register("before-call.s3.DeleteObjects", add)
    client.meta.events.register("before-send.s3", lambda request, **more: sent.append(request.headers["Content-MD5"]))
    with pytest.raises(EndpointConnectionError):
        client.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": "key"}]})
    assert sent == [b"md5"]


def test_botocore_asks_the_listeners_of_before_parse_what_an_answer_is():
    """filesystems.s3.answers refuses answers there, and after-call, which botocore would take for successes."""
    client, seen = answering(200, {"ETag": '"x"'}), []

    def look(operation_model, response_dict, **more):
        seen.extend([operation_model.name, operation_model.http["method"], response_dict["status_code"]])
        seen.extend([response_dict["headers"].get("etag"), response_dict["body"]])

    def look_again(http_response, parsed, model, **more):
        seen.extend([http_response.status_code, parsed["ETag"], model.name])

    client.meta.events.register("before-parse.s3", look)
    client.meta.events.register("after-call.s3", look_again)
    client.put_object(Bucket="bucket", Key="key")
    assert seen == ["PutObject", "PUT", 200, '"x"', b"", 200, '"x"', "PutObject"]


def test_botocore_sends_with_a_session_that_leaves_an_answer_unread_if_asked(unused_port):
    """filesystems.s3.client reads small answers itself, to notice a server that drips."""
    client, sent = s3_client(unused_port), []

    class Session:
        def send(self, request):
            sent.append(request.stream_output)
            request.stream_output = True
            return session.send(request)

    session, client._endpoint.http_session = client._endpoint.http_session, Session()
    with pytest.raises(EndpointConnectionError):
        client.head_object(Bucket="bucket", Key="key")
    assert sent == [False]


def test_botocore_wraps_the_stream_of_an_object():
    """filesystems.s3.filesystem reads the stream itself, as far as it has come."""
    raw = HTTPResponse(io.BytesIO(b"content"), preload_content=False)
    assert StreamingBody(raw, 7)._raw_stream.read1(3) == b"con"


def test_botocore_signs_a_url_in_these_steps():
    """filesystems.s3.signing makes them itself, to sign as of another moment."""
    auth = S3SigV4QueryAuth(Credentials("key", "secret", "token"), "s3", "us-east-1", 60)
    url = "https://s3.example.org/bucket/a%20b?response-content-disposition=inline"
    signed, own = AWSRequest("GET", url), AWSRequest("GET", url)
    auth.add_auth(signed)
    own.context["timestamp"] = signed.context["timestamp"]
    auth._modify_request_before_signing(own)
    signature = auth.signature(auth.string_to_sign(own, auth.canonical_request(own)), own)
    auth._inject_signature_to_request(own, signature)
    assert own.url == signed.url
    assert "X-Amz-Signature=" in own.url


def test_botocore_knows_the_parameters_of_an_operation():
    """filesystems.s3.bucket leaves out the parameters that an operation does not have."""
    members = s3_client().meta.service_model.operation_model("PutObject").input_shape.members
    assert {"Bucket", "Key", "IfNoneMatch", "ContentType"} <= set(members)
    assert "ChecksumMode" not in members
    assert members["ContentType"].serialization["name"] == "Content-Type"


@pytest.mark.parametrize("status", [304, 404, 412])
def test_botocore_takes_the_status_of_an_answer_without_a_body_for_its_code(status):
    """filesystems.s3.client and .filesystem tell 304, 404 and 412 by that code."""
    with pytest.raises(ClientError) as caught:
        answering(status).head_object(Bucket="bucket", Key="key")
    assert caught.value.response["Error"]["Code"] == str(status)


def test_botocore_counts_how_often_it_sent_a_request():
    """filesystems.s3.client: the refusal of a request that was sent twice may be the work of its first sending."""
    with pytest.raises(ClientError) as caught:
        answering(403).head_object(Bucket="bucket", Key="key")
    assert caught.value.response["ResponseMetadata"]["RetryAttempts"] == 0


def test_botocore_writes_its_names_in_the_style_of_python():
    """filesystems.s3.filesystem names the facts of an object in the namespace s3 with xform_name."""
    assert [xform_name(name) for name in ("ETag", "ContentLength")] == ["e_tag", "content_length"]


# fs_s3fs


def test_fs_s3fs_takes_its_arguments_in_this_order():
    """filesystems.s3.filesystem gives them by position."""
    assert list(signature(fs_s3fs.S3FS).parameters) == [
        "bucket_name",
        "dir_path",
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
        "endpoint_url",
        "region",
        "delimiter",
        "strict",
        "cache_control",
        "acl",
        "upload_args",
        "download_args",
    ]


def test_fs_s3fs_keeps_its_arguments_in_these_attributes():
    """filesystems.s3.filesystem makes keys and requests of them."""
    filesystem = fs_s3fs.S3FS(
        "bucket", "/a/b", "key", "secret", endpoint_url="http://s3", cache_control="no-store", upload_args={"x": 1}
    )
    assert (filesystem._prefix, filesystem.delimiter, filesystem.strict) == ("a/b", "/", True)
    assert filesystem.endpoint_url == "http://s3"
    assert (filesystem.upload_args, filesystem.download_args) == ({"x": 1, "CacheControl": "no-store"}, None)


def test_fs_s3fs_makes_urls_with_the_property_client():
    """filesystems.s3.filesystem replaces the property, and inherits geturl."""

    class Filesystem(fs_s3fs.S3FS):
        client = s3_client()

    url = Filesystem("bucket", "/a", "key", "secret").geturl("b.txt")
    assert url.startswith("http://127.0.0.1:1/bucket/a/b.txt?")


# fs


def test_fs_osfs_finds_files_by_two_methods_alone(tmp_path):
    """filesystems.local.filesystem replaces _to_sys_path and getsyspath, which keeps links inside the root."""

    class Elsewhere(OSFS):
        def _to_sys_path(self, path):
            return super()._to_sys_path(f"/elsewhere{path}")

        def getsyspath(self, path):
            return super().getsyspath(f"/elsewhere{path}")

    (tmp_path / "elsewhere").mkdir()
    filesystem = Elsewhere(str(tmp_path))
    filesystem.makedir("directory")
    filesystem.openbin("file", "w").close()
    filesystem.open("text", "w").close()
    filesystem.setinfo("file", {"details": {"modified": 1}})
    assert filesystem.getinfo("file", ["details"]).raw["details"]["modified"] == 1
    assert filesystem.gettype("/directory").name == "directory"
    assert {path.name for path in (tmp_path / "elsewhere").iterdir()} == {"directory", "file", "text"}
    assert [path.name for path in tmp_path.iterdir()] == ["elsewhere"]


def test_fs_osfs_opens_files_with_further_options_of_open(tmp_path):
    """filesystems.local.standard gives it an opener, which does not wait for the other end of a pipe."""
    opened = []

    def opener(path, flags):
        opened.append(os.fsdecode(path))
        return os.open(path, flags)

    (tmp_path / "a").write_bytes(b"content")
    with OSFS(str(tmp_path)).openbin("a", "r", opener=opener) as file:
        assert file.read() == b"content"
    assert opened == [str(tmp_path / "a")]


def test_fs_osfs_tells_by_the_namespace_lstat_what_an_entry_is(tmp_path):
    """filesystems.generic asks for it, and gets no error for a link that leads nowhere."""
    (tmp_path / "link").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    listed = {info.name: info for info in OSFS(str(tmp_path)).scandir("/", ["link", "lstat"])}
    assert {name: stat.S_IFMT(info.get("lstat", "st_mode")) for name, info in listed.items()} == {
        "link": stat.S_IFLNK,
        "pipe": stat.S_IFIFO,
    }
    assert listed["link"].is_link
    assert OSFS(str(tmp_path)).getinfo("pipe", ["details"]).type == ResourceType.fifo


def test_fs_osfs_lists_by_underscore_scandir(tmp_path):
    """filesystems.local.filesystem replaces it, which hides unfinished files."""

    class Full(OSFS):
        def _scandir(self, path, namespaces=None):
            yield Info({"basic": {"name": path, "is_dir": False}})

    assert [info.name for info in Full(str(tmp_path)).scandir("/")] == ["/"]


def test_fs_osfs_checks_a_copy_and_returns_both_paths(tmp_path):
    """filesystems.local.filesystem copies and moves what _check_copy lets pass."""
    filesystem = OSFS(str(tmp_path))
    filesystem.writetext("a", "")
    assert filesystem._check_copy("a", "b") == ("/a", "/b")
    assert filesystem._check_copy("a", "a", overwrite=True) == ("/a", "/a")
    with pytest.raises(errors.DestinationExists):
        filesystem._check_copy("a", "a")
    with pytest.raises(errors.ResourceNotFound):
        filesystem._check_copy("missing", "b")


def test_fs_osfs_makes_facts_of_a_stat_result(tmp_path):
    """filesystems.local.filesystem makes those of directory entries with the same methods."""
    result = tmp_path.stat()
    assert OSFS._make_details_from_stat(result)["modified"] == result.st_mtime
    assert {"permissions", "uid", "gid"} <= set(OSFS._make_access_from_stat(result))


def test_fs_osfs_has_its_root_and_its_facts_in_these_attributes(tmp_path):
    """filesystems.local.filesystem replaces the root by its real path, and a fact that is wrong on Linux."""
    filesystem = OSFS(str(tmp_path))
    assert (filesystem._root_path, filesystem._closed) == (str(tmp_path), False)
    filesystem._meta["unicode_paths"] = "changed"
    assert filesystem.getmeta()["unicode_paths"] == "changed"
    filesystem.close()
    assert filesystem._closed is True


def test_fs_memoryfs_makes_its_entries_by_a_method_and_dates_them_by_each_write():
    """filesystems.memory numbers the writes there, and shares the lock of a filesystem."""
    made = []

    class Counting(MemoryFS):
        def _make_dir_entry(self, resource_type, name):
            made.append(name)
            return super()._make_dir_entry(resource_type, name)

    filesystem = Counting()
    filesystem.makedir("d")
    filesystem.writebytes("d/a", b"content")
    assert made == ["", "d", "a"]
    entry = filesystem._get_dir_entry("d/a")
    entry.modified_time = 0
    filesystem.appendbytes("d/a", b"more")
    assert entry.modified_time > 0
    assert filesystem.lock() is filesystem._lock


def test_fs_memoryfs_has_all_of_its_files_below_its_root():
    """filesystems.memory shares the files of another filesystem by its root."""
    one, other = MemoryFS(), MemoryFS()
    other.root = one.root
    one.makedirs("a/b").writetext("c", "content")
    assert other.readtext("a/b/c") == "content"


def test_fs_ftpfs_makes_information_of_facts_and_of_lines():
    """filesystems.ftp gives it the name "x" instead of the real ones, which it would take apart."""
    (raw,) = FTPFS._parse_mlsx(["type=file;size=5;modify=20200102030405;x"])
    assert raw["basic"] == {"name": "x", "is_dir": False}
    assert raw["details"] == {"type": 2, "size": 5, "modified": 1577934245}
    unix = _ftp_parse.parse_line("drwxr-xr-x 1 user group 0 Jan  2 2020 x")
    windows = _ftp_parse.parse_line("02-01-20  12:00AM  5 x")
    assert (unix["basic"], windows["basic"]) == ({"name": "x", "is_dir": True}, {"name": "x", "is_dir": False})
    assert unix["details"]["modified"] == windows["details"]["modified"] == 1577923200


def test_fs_ftpfs_keeps_its_connection_in_these_attributes():
    """filesystems.ftp gives up a lost one, and sends names in the encoding of the server."""
    filesystem = FTPFS("host")
    assert (filesystem._ftp, filesystem.encoding, filesystem.host) == (None, "latin-1", "host")
    filesystem._ftp, filesystem._features = ftplib.FTP(), {"MLST": "type*;"}
    assert filesystem.ftp is filesystem._ftp
    assert filesystem.supports_mlst


def test_fs_ftpfs_reads_a_file_from_these_attributes():
    """filesystems.ftp reads it itself, because fs takes a lost connection for the end."""

    class Connection(ftplib.FTP):
        def voidcmd(self, cmd):
            return "200"

        def transfercmd(self, cmd, rest=None):
            return asked.append((cmd, rest))

    class Filesystem(FTPFS):
        def _open_ftp(self):
            return Connection()

    asked: list = []
    file = FTPFile(Filesystem("host"), "/a", "rb")
    assert file.read_conn is file._write_conn is None
    assert (asked, file.mode.reading) == ([("RETR /a", file.pos)], True)


def test_fs_opens_ftp_with_an_instance_of_an_opener():
    """backends.pyfs opens it itself, unless another package registers an opener."""
    plain: object = opener.ftpfs.FTPOpener
    assert registry.get_opener("ftp") is registry.get_opener("ftps") is plain


def test_fs_errors_format_their_messages():
    """filesystems.store escapes the braces of names in literal(); messages of all filesystems hold {path}."""
    assert str(errors.OperationFailed("a{b}", msg="{{x}} '{path}'")) == "{x} 'a{b}'"
    assert str(errors.InvalidPath("a", "'{path}' is wrong")) == "'a' is wrong"


def test_fs_copy_hands_over_the_open_file_of_the_other_filesystem():
    """filesystems.objects.filesystem takes the media type of a copy from it."""

    class Source(MemoryFS):
        def openbin(self, *arguments, **options):
            handles.append(super().openbin(*arguments, **options))
            return handles[-1]

    class Target(MemoryFS):
        def upload(self, path, file, chunk_size=None, **options):
            given.append(file)

    given, handles, source = [], [], Source()
    source.create("a")
    handles.clear()
    copy_file(source, "a", Target(), "b")
    assert len(given) == 1
    assert given == handles


# swiftclient and requests


class Answering(HTTPAdapter):
    """Keeps the requests of a session, and answers them with a status."""

    def __init__(self, status):
        super().__init__()
        self.status = status
        self.sent = []

    def send(self, request, stream=False, timeout=None, *arguments, **options):
        self.sent.append((request, stream, timeout))
        raw = HTTPResponse(
            io.BytesIO(b"content"), status=self.status, preload_content=False, headers={"Location": "/b"}
        )
        return self.build_response(request, raw)


@pytest.mark.parametrize("status", [200, 302])
def test_swiftclient_sends_as_the_attributes_of_its_connection_say(status):
    """filesystems.swift.account and .auth set them: no redirects, a timeout, an address that came with the token."""
    parsed, connection = http_connection("http://swift.example.org/auth/v1.0", timeout=3)
    adapter = Answering(status)
    connection.request_session.mount("http://", adapter)
    connection.requests_args["allow_redirects"] = False
    connection.requests_args = {**connection.requests_args, "timeout": 5}
    connection.parsed_url = parsed._replace(netloc="other.example.org")
    with connection.request("PUT", "/v1/a?b", b"body", {"X-Auth-Token": "token"}) as response:
        assert response.status_code == status
    [(request, streams, timeout)] = adapter.sent
    assert (request.method, request.url, request.body) == ("PUT", "http://other.example.org/v1/a?b", b"body")
    assert request.headers["X-Auth-Token"] in ("token", b"token")
    assert (timeout, streams) == (5, True)


def test_swiftclient_leaves_an_answer_to_be_read():
    """filesystems.swift.body reads it in pieces, as it comes."""
    _, connection = http_connection("http://swift.example.org/")
    connection.request_session.mount("http://", Answering(200))
    with connection.request("GET", "/v1/a") as response:
        assert (response.raw.read(3), response.content) == (b"con", b"tent")


def test_swiftclient_has_its_session_and_its_last_answer_in_a_connection():
    """filesystems.swift.account gives each request a shallow copy, so that all share the pool and none an answer."""
    _, connection = http_connection("http://swift.example.org/")
    connection.request_session.mount("http://", Answering(200))
    other = copy.copy(connection)
    other.request("GET", "/").close()
    assert other.request_session is connection.request_session
    assert (other.resp is None, connection.resp) == (False, None)


def test_requests_sends_a_body_of_known_length_in_one_piece():
    """filesystems.swift.body has the length and the pieces of a file, and nothing else of one."""

    class Body:
        def __len__(self):
            return 7

        def __iter__(self):
            yield b"content"

    body = Body()
    request = requests.Request("PUT", "http://swift.example.org/", data=body).prepare()
    assert request.body is body
    assert request.headers["Content-Length"] == "7"
    assert "Transfer-Encoding" not in request.headers


class Preread(HTTPAdapter):
    """Answers with a body that was read before, or raises an error."""

    def __init__(self, error=None):
        super().__init__()
        self._error = error

    def send(self, request, *arguments, **options):
        if self._error:
            raise self._error
        response = requests.Response()
        response.status_code, response.url, response.raw = 200, request.url, io.BytesIO(b'{"read": "before"}')
        return response


def test_keystoneauth_reads_a_body_that_its_adapter_has_read():
    """filesystems.swift.auth reads the answers of a login itself, to notice a server that drips."""
    with requests.Session() as sender:
        sender.mount("http://", Preread())
        answer = KeystoneSession(session=sender).get("http://keystone.example.org/", authenticated=False)
    assert answer.json() == {"read": "before"}


def test_keystoneauth_lets_errors_of_its_adapter_pass():
    """filesystems.swift.auth refuses redirections there."""
    refusal = errors.RemoteConnectionError("/")
    with requests.Session() as sender:
        sender.mount("http://", Preread(refusal))
        session = KeystoneSession(session=sender)
        with pytest.raises(errors.RemoteConnectionError) as caught:
            session.get("http://keystone.example.org/", authenticated=False)
    assert caught.value is refusal


# mongoengine


class Told(BaseField):
    told: list[str] = []

    @property
    def owner_document(self):
        return None

    @owner_document.setter
    def owner_document(self, owner):
        self.told.append(owner.__name__)


def test_mongoengine_tells_a_field_that_has_no_class_of_each_that_has_it():
    """mongo.FileField listens to all classes that have it."""
    Told.told.clear()

    class ToldBase(mongoengine.Document):
        meta = {"allow_inheritance": True}
        field = Told()

    class ToldSub(ToldBase):
        pass

    assert Told.told == ["ToldBase", "ToldSub"]


def test_mongoengine_has_the_values_of_a_document_in_these_attributes():
    """mongo.FileField reads and sets its value there, and says that it changed."""

    class Attributes(mongoengine.Document):
        field = mongoengine.StringField()

    assert isinstance(Attributes._fields["field"], mongoengine.StringField)
    document = Attributes(field="a")
    assert (document._initialised, document._data["field"]) == (True, "a")
    document._clear_changed_fields()
    document._data["field"] = "b"
    document._mark_as_changed("field")
    assert (document.field, document._get_changed_fields()) == ("b", ["field"])


def test_mongoengine_deletes_documents_by_itself_where_somebody_listens():
    """mongo.FileField connects to post_delete only where files are to be deleted."""

    class Listened(mongoengine.Document):
        pass

    def listener(sender, document, **more):
        pass

    assert not mongoengine.signals.post_delete.has_receivers_for(Listened)
    mongoengine.signals.post_delete.connect(listener, sender=Listened)
    assert mongoengine.signals.post_delete.has_receivers_for(Listened)


# pymongo


def test_pymongo_has_the_timeout_of_a_client_in_seconds():
    """filesystems.gridfs.bucket takes the time of an operation from there."""
    with pymongo.MongoClient(
        "mongodb://localhost", connect=False, timeoutMS=1500, serverMonitoringMode="poll"
    ) as client:
        assert client.options.timeout == 1.5


# Pillow


def opened(format_name, mode="RGB", **options):
    file = io.BytesIO()
    Image.effect_noise((64, 48), 50).convert(mode).save(file, format_name, **options)
    return Image.open(file)


def test_pillow_has_the_components_of_a_jpeg_in_layer():
    """images.limits works out of it what libjpeg keeps of the image."""
    image = opened("JPEG", subsampling="4:2:0")
    assert [component[1:3] for component in image.layer] == [(2, 2), (1, 1), (1, 1)]
    assert image.layers == 3


def test_pillow_says_that_a_jpeg_is_progressive():
    """images.limits counts the scans of those alone."""
    assert "progressive" in opened("JPEG", progressive=True).info
    assert "progressive" not in opened("JPEG").info


def test_pillow_reads_an_image_from_the_file_in_fp():
    """images.limits looks at the segments of a JPEG there, and sets the file back."""
    image = opened("JPEG")
    image.fp.seek(0)
    assert image.fp.read(2) == b"\xff\xd8"


def test_pillow_has_the_tables_of_a_jpeg():
    """images.thumbnails writes a JPEG with those that it had."""
    image = opened("JPEG", quality=50, subsampling="4:2:2")
    assert isinstance(image, JpegImageFile)
    assert [len(table) for table in image.quantization.values()] == [64, 64]
    assert get_sampling(image) == 1


def test_pillow_decodes_a_draft_at_least_as_large_as_asked_for():
    """images.codec asks for a half, a quarter or an eighth."""
    sizes = []
    for divisor in (8, 4, 2):
        image = opened("JPEG")
        image.draft(None, (64 // divisor, 48 // divisor))
        sizes.append(image.size)
    assert sizes == [(8, 6), (16, 12), (32, 24)]


def png_of_16_bits():
    """Return a PNG of one pixel, with 16 bits for each colour; Pillow writes none."""
    file = io.BytesIO(b"\x89PNG\r\n\x1a\n")
    file.seek(0, io.SEEK_END)
    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    for name, content in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(7))), (b"IEND", b"")):
        chunk = name + content
        file.write(struct.pack(">I", len(content)) + chunk + struct.pack(">I", zlib.crc32(chunk)))
    return file


def test_pillow_says_in_its_tiles_that_a_png_has_16_bits():
    """images.thumbnails leaves those alone, of which Pillow would drop half of the bits."""
    assert any("16" in str(tile[3]) for tile in Image.open(png_of_16_bits()).tile)
    assert not any("16" in str(tile[3]) for tile in opened("PNG").tile)


def test_pillow_lists_the_formats_that_it_reads_in_open():
    """images.codec asks there whether WebP and AVIF are among them."""
    Image.init()
    assert {"JPEG", "PNG", "GIF", "TIFF"} <= set(Image.OPEN)
    assert ("WEBP" in Image.OPEN) == features.check("webp")
    assert ("AVIF" in Image.OPEN) == features.check("avif")


# SQLAlchemy


class Base(DeclarativeBase):
    pass


class Pickled(Base):
    __tablename__ = "pickled"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Limited(TypeDecorator):
    impl = sqlalchemy.String
    cache_ok = True

    def __init__(self, limit):
        super().__init__()
        self.limit = limit


def test_sqlalchemy_has_the_state_of_a_row_in_an_attribute():
    """sqlalchemy.events reads it where a row comes to a session, and keeps its cells in info."""
    row = Pickled(id=1, name="a")
    state = getattr(row, "_sa_instance_state")  # noqa: B009  (no type has it)
    assert state is instance_state(row)
    assert (state.obj(), state.dict["name"], state.info) == (row, "a", {})
    assert (state.session, state.key, state.was_deleted) == (None, None, False)
    assert state.mapper.column_attrs["name"].columns[0].name == "name"


def test_sqlalchemy_pickles_what_a_listener_leaves_in_info():
    """sqlalchemy.events takes out what cannot be pickled, and finds its own again before the row has attributes."""
    found = []

    def pickled(state, values):
        values["info"] = {key: value for key, value in values["info"].items() if key != "lock"}
        values["ours"] = state.dict["name"]

    def unpickled(state, values):
        found.append((dict(state.info), values["ours"], "name" in state.dict))

    event.listen(Pickled, "pickle", pickled, raw=True)
    event.listen(Pickled, "unpickle", unpickled, raw=True)
    row = Pickled(id=1, name="a")
    instance_state(row).info.update(lock=open, kept=1)
    assert pickle.loads(pickle.dumps(row)).name == "a"
    assert found == [({"kept": 1}, "a", False)]


def test_sqlalchemy_tells_types_apart_by_the_attributes_named_as_their_parameters():
    """sqlalchemy.types has an attribute for each parameter, or a statement would be run with the type of another."""
    one, same, other = Limited(1), Limited(1), Limited(2)
    assert one._static_cache_key == same._static_cache_key
    assert one._static_cache_key != other._static_cache_key


# Werkzeug and Flask


def test_werkzeug_seeks_to_the_start_of_a_range():
    """web.responses: of a range, a store on a network sends what is in it alone."""

    class File(io.BytesIO):
        def read(self, size=-1):
            places.append(self.tell())
            return super().read(size)

    places = []
    response = Response(FileWrapper(File(bytes(range(100))), 10), direct_passthrough=True)
    response.make_conditional(create_environ(headers={"Range": "bytes=50-52"}), True, 100)
    assert list(response.response) == [bytes((50, 51, 52))]
    assert places[0] == 50
    assert response.status_code == 206


def test_werkzeug_keeps_the_data_that_was_read_in_this_attribute():
    """resumable.body: a hook of the app may have read what is uploaded."""
    request = Request(create_environ(method="POST", data=b"abc"))
    assert getattr(request, "_cached_data", None) is None
    request.get_data()
    assert getattr(request, "_cached_data", None) == b"abc"


def test_werkzeug_has_the_file_of_a_wrapper_in_these_attributes():
    """web.responses reads pieces of it in its own way."""
    file = io.BytesIO()
    wrapper = FileWrapper(file, 10)
    assert (wrapper.file, wrapper.buffer_size) == (file, 10)


@pytest.mark.parametrize(("asked", "found"), [("5-7", (5, 8)), ("5-", (5, None)), ("-5", (-5, None))])
def test_werkzeug_reads_a_range_as_its_start_and_its_end(asked, found):
    """web.responses gives both to the store."""
    assert Request(create_environ(headers={"Range": f"bytes={asked}"})).range.ranges == [found]


def test_flask_gives_the_app_behind_current_app():
    """state finds what an app configured by the app itself."""
    app = Flask("tests")
    with app.app_context():
        assert getattr(current_app, "_get_current_object")() is app  # noqa: B009  (no type has it)


@pytest.mark.parametrize("base", [fs_s3fs.S3FS, BaseField, BotoCoreError])
def test_what_type_checkers_are_told_of_bases_without_types_is_so(base):
    """Used by _untyped.pyi."""
    stub = ast.parse(Path(flask_pyfs.__file__).with_name("_untyped.pyi").read_text())
    told = next(each for each in stub.body if isinstance(each, ast.ClassDef) and each.name == base.__name__)
    source = inspect.getsource(base)
    for each in told.body:
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            assert hasattr(base, each.target.id) or f"self.{each.target.id} = " in source, each.target.id
        elif isinstance(each, ast.FunctionDef) and each.decorator_list:
            assert isinstance(inspect.getattr_static(base, each.name), property), each.name
        else:
            assert isinstance(each, ast.FunctionDef)
            parameters = {argument.arg for argument in each.args.args}
            assert parameters <= set(signature(getattr(base, each.name)).parameters), each.name
