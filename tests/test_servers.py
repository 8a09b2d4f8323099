"""The servers that other tests rely on: they answer, refuse, say why they cannot start, and leave nothing behind."""

import os
import secrets
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from servers.openstack import openstack_swift
from servers.process import (
    PortTakenError,
    ServerError,
    answers,
    free_ports,
    listens,
    on_free_ports,
    running,
)
from servers.programs import program
from servers.s3 import S3Endpoint, clear_bucket, client, s3_from_environment
from servers.sharing import shared

pytestmark = pytest.mark.server

SERVE = """
import signal, socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
signal.pause()
"""


@pytest.fixture(params=["swift", "moto"])
def endpoint(request):
    return request.getfixturevalue(f"{request.param}_endpoint")


@pytest.fixture
def s3(endpoint):
    s3 = client(endpoint)
    yield s3
    s3.close()


@pytest.fixture
def bucket(s3):
    name = f"checked-{secrets.token_hex(6)}"
    s3.create_bucket(Bucket=name)
    yield name
    clear_bucket(s3, name)


def python(code, *arguments):
    return [sys.executable, "-c", code, *map(str, arguments)]


def status(call):
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_a_server_stores_and_gives_back(s3, bucket):
    s3.put_object(
        Bucket=bucket, Key="a/ü b+%20?.txt", Body=b"content", ContentType="text/x-own", Metadata={"sha_1": "ab"}
    )
    answer = s3.get_object(Bucket=bucket, Key="a/ü b+%20?.txt")
    with answer["Body"] as body:
        assert body.read() == b"content"
    assert answer["ContentType"] == "text/x-own"
    assert answer["Metadata"] == {"sha_1": "ab"}
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["a/ü b+%20?.txt"]


def test_a_server_keeps_connections_open(endpoint, bucket):
    s3 = client(endpoint)
    headers = []
    s3.meta.events.register("after-call.s3", lambda http_response, **_: headers.append(http_response.headers))
    s3.put_object(Bucket=bucket, Key="key", Body=b"content")
    s3.head_object(Bucket=bucket, Key="key")
    assert status(lambda: s3.get_object(Bucket=bucket, Key="other")) == 404
    s3.delete_object(Bucket=bucket, Key="key")
    s3.close()
    assert len(headers) == 4
    assert [answer.get("Connection", "keep-alive") for answer in headers] == ["keep-alive"] * 4


def test_a_server_refuses_a_name_that_is_taken(s3, bucket):
    s3.put_object(Bucket=bucket, Key="key", Body=b"first", IfNoneMatch="*")
    assert status(lambda: s3.put_object(Bucket=bucket, Key="key", Body=b"second", IfNoneMatch="*")) == 412


@pytest.mark.parametrize("wrong", [{"secret_key": "wrong"}, {"access_key": "nobody"}], ids=["secret", "access key"])
def test_a_server_refuses_a_wrong_key(endpoint, bucket, wrong):
    s3 = client(replace(endpoint, **wrong))
    assert status(lambda: s3.put_object(Bucket=bucket, Key="key", Body=b"content")) == 403
    assert status(lambda: s3.list_objects_v2(Bucket=bucket)) == 403
    assert status(lambda: s3.head_bucket(Bucket=bucket)) == 403
    s3.close()


def test_clear_bucket_removes_everything(s3, bucket):
    s3.put_object(Bucket=bucket, Key="key", Body=b"content")
    s3.create_multipart_upload(Bucket=bucket, Key="unfinished")
    clear_bucket(s3, bucket)
    assert status(lambda: s3.head_bucket(Bucket=bucket)) == 404
    s3.create_bucket(Bucket=bucket)


def test_a_server_is_gone_after_its_block(tmp_path):
    [port] = free_ports(1)
    with running(python(SERVE, port), port, tmp_path / "server.log") as process:
        assert answers(port)
        assert listens(process.pid, port)
    assert not answers(port)
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_a_server_that_cannot_start_fails_with_its_log(tmp_path):
    [port] = free_ports(1)
    argv = python("import sys; sys.exit('the disk is missing')")
    with (
        pytest.raises(ServerError, match=r"(?s)store ended with status 1\..*the disk is missing"),
        running(argv, port, tmp_path / "store.log"),
    ):
        pytest.fail("it cannot be running")


def test_a_server_that_does_not_answer_fails(tmp_path):
    [port] = free_ports(1)
    argv = python("import time; time.sleep(600)")
    with (
        pytest.raises(ServerError, match=f"did not answer on port {port} within"),
        running(argv, port, tmp_path / "store.log", seconds=0.2),
    ):
        pytest.fail("it cannot be running")


def test_a_port_that_another_process_took_is_replaced(tmp_path):
    [taken, free] = free_ports(2)
    offered = iter([[taken], [free]])

    def start(_):
        [port] = next(offered)
        return running(python(SERVE, port), port, tmp_path / "second.log")

    with running(python(SERVE, taken), taken, tmp_path / "first.log"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("servers.process.PORT_ATTEMPTS", 2)
            with on_free_ports(1, start) as process:
                assert process.port == free
        with pytest.raises(PortTakenError), running(python(SERVE, taken), taken, tmp_path / "third.log"):
            pytest.fail("it cannot have the port")


def test_free_ports_are_different():
    assert len(set(free_ports(100))) == 100


@pytest.mark.parametrize("end", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_nothing_is_left_when_the_tests_are_stopped(tmp_path, end):
    """The server has a child; both hold a pipe, whose other end is read here until nobody holds it."""
    server = (
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'], pass_fds=[1])"
    )
    code = f"""
        import os, signal, sys
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from servers.process import started
        # a job that a shell has put into the background does not hear it
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with started([sys.executable, "-c", {server!r}], 1, Path("/dev/stdout")):
            os.kill(os.getpid(), signal.{end})
            signal.pause()
    """
    tests = subprocess.run(python(textwrap.dedent(code)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=30)
    assert tests.returncode != 0


def test_a_forked_child_leaves_the_server_to_its_parent(tmp_path):
    [port] = free_ports(1)
    code = f"""
        import os, sys
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from servers.process import answers, running
        with running({python(SERVE, port)!r}, {port}, Path({str(tmp_path / "server.log")!r})) as process:
            child = os.fork()
            if not child:
                sys.exit(3)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
            assert process.popen.poll() is None
            assert answers({port})
        assert not answers({port})
    """
    tests = subprocess.run(python(textwrap.dedent(code)), stderr=subprocess.PIPE, timeout=30)
    assert tests.stderr == b""
    assert tests.returncode == 0


def test_a_test_that_is_not_marked_starts_no_server(tmp_path, monkeypatch):
    monkeypatch.setattr("servers.process.unmarked", "test_quick")
    for started in (running([], 1, tmp_path / "log"), shared(tmp_path / "place", nullcontext)):
        with pytest.raises(ServerError, match=r"test_quick starts a server: mark it"), started:
            pytest.fail("it cannot be running")


@pytest.fixture
def noted(tmp_path):
    """Share a server that notes what becomes of it, and its notes."""
    notes = []

    @contextmanager
    def start(directory):
        assert list(directory.iterdir()) == []
        notes.append("starts")
        yield S3Endpoint("moto", str(directory), "key", "secret")
        notes.append("ends")

    # each opens the files of the locks by itself, as another process does
    return lambda: shared(tmp_path / "place", start), notes


def test_the_first_process_starts_a_server_and_waits_for_the_others(noted):
    share, notes = noted
    first, second = share(), share()
    server = first.__enter__()
    assert second.__enter__() == server
    with ThreadPoolExecutor(1) as pool:
        ending = pool.submit(first.__exit__, None, None, None)
        assert wait([ending], 0.1).not_done
        with share() as third:
            assert third == server
        assert notes == ["starts"]
        second.__exit__(None, None, None)
        ending.result(60)
    assert notes == ["starts", "ends"]
    with share() as new:
        assert new != server
    assert notes == ["starts", "ends"] * 2


def test_each_process_is_told_that_a_shared_server_does_not_start(tmp_path):
    def start(directory):
        raise ServerError("the disk is missing")

    for _ in range(2):
        with pytest.raises(ServerError, match="the disk is missing"), shared(tmp_path / "place", start):
            pytest.fail("it cannot be running")


@pytest.mark.parametrize(("environ", "outcome"), [({}, pytest.skip.Exception), ({"CI": "1"}, pytest.fail.Exception)])
def test_a_program_that_is_not_installed(environ, outcome):
    with pytest.raises(outcome, match="absent is not installed; on Debian: apt install its-package"):
        program("absent", "its-package", environ=environ)


def test_swift_says_what_it_needs(tmp_path, monkeypatch):
    def no_attributes(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "setxattr", no_attributes)
    with pytest.raises(ServerError, match="--basetemp"):
        openstack_swift(tmp_path)


def test_a_server_may_come_from_the_environment():
    prefix = "FLASK_PYFS_S3_"
    assert s3_from_environment({}) is None
    settings = {prefix + "ENDPOINT": "https://s3.test", prefix + "ACCESS_KEY": "key", prefix + "SECRET_KEY": "secret"}
    assert s3_from_environment(settings) == S3Endpoint("other", "https://s3.test", "key", "secret", "us-east-1", "path")
    settings |= {prefix + "REGION": "eu-west-1", prefix + "ADDRESSING_STYLE": "virtual"}
    other = s3_from_environment(settings)
    assert (other.region, other.addressing_style) == ("eu-west-1", "virtual")
