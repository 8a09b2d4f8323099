"""The public errors, and how those of filesystems become them."""

import copy
import inspect
import pickle
import re

import pytest
from fs import errors as fs_errors

import flask_pyfs as fs
from flask_pyfs import errors
from flask_pyfs.errors import translate, translated

PYTHON = {
    fs.FileExists: FileExistsError,
    fs.FileNotFound: FileNotFoundError,
    fs.OperationNotSupported: NotImplementedError,
    fs.InvalidPath: ValueError,
    fs.ConfigurationError: ValueError,
    fs.PermissionDenied: PermissionError,
    fs.NotAuthorized: fs.PermissionDenied,
    fs.BackendError: ConnectionError,
    fs.UnauthorizedFileType: fs.FSError,
    fs.UploadNotAllowed: fs.FSError,
}


@pytest.mark.parametrize(("error", "base"), PYTHON.items())
def test_every_error_is_ours_and_pythons(error, base):
    assert issubclass(error, fs.FSError)
    assert issubclass(error, base)
    assert str(error("what happened")) == "what happened"
    assert (error().path, error().storage) == (None, None)


# SPEC: the status of each, and the sentence for the person who uploads
CODES = {
    fs.FileNotFound: 404,
    fs.FileExists: 409,
    fs.VersionChanged: 409,
    fs.FileTooLarge: 413,
    fs.UnauthorizedFileType: 415,
    fs.InvalidPath: 400,
    fs.EmptyUpload: 400,
    fs.UploadNotAllowed: 403,
    fs.PermissionDenied: 403,
    fs.NotAuthorized: 403,
    fs.OperationNotSupported: 501,
    fs.BackendError: 503,
    errors.ETagMismatchError: 503,
    errors.PoolExhaustedError: 503,
    fs.ConfigurationError: 500,
    fs.DecryptionError: 500,
    fs.FSError: 500,
}


def test_every_public_error_has_a_code():
    public = {each for each in vars(errors).values() if inspect.isclass(each) and issubclass(each, fs.FSError)}
    assert {kind: kind.code for kind in public} == CODES


@pytest.mark.parametrize("error", CODES)
def test_every_error_has_a_sentence_for_people(error):
    raised = error("'a.txt' in storage 'files' on host db1: SECRET_KEY", path="a.txt", storage="files")
    assert raised.user_message == error.user_message
    assert re.fullmatch(r"[A-Z][a-z ]+(\.|\. [A-Z][a-z ]+\.)", raised.user_message)
    better = error("message", user_message="Only jpg and png files are accepted.")
    assert better.user_message == "Only jpg and png files are accepted."
    assert str(better) == "message"


class QuotaUsedUp(fs.FileTooLarge):
    """As an app may write one."""

    code = 402
    user_message = "You have no space left."

    def __init__(self, used, limit):
        super().__init__(f"{used} of {limit}", path="a.txt", storage="files")
        self.used = used


class Renamed(fs.FileExists):
    def __init__(self, name):
        super().__init__(17, "taken", user_message=f"{name} is taken.")


REMAKE = [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))]


@pytest.mark.parametrize("error", CODES)
@pytest.mark.parametrize("remake", REMAKE)
def test_errors_can_be_copied(error, remake):
    again = remake(error("message", path="a.txt", storage="files"))
    assert type(again) is error
    assert (str(again), again.path, again.storage) == ("message", "a.txt", "files")
    assert again.user_message == error.user_message
    assert remake(error("message", user_message="Because.")).user_message == "Because."


@pytest.mark.parametrize("remake", REMAKE)
def test_errors_of_apps_with_constructors_of_their_own_can_be_copied(remake):
    quota = remake(QuotaUsedUp(7, 5))
    assert (type(quota), str(quota), quota.path, quota.used) == (QuotaUsedUp, "7 of 5", "a.txt", 7)
    assert (quota.code, quota.user_message) == (402, "You have no space left.")
    renamed = remake(Renamed("b.txt"))
    assert (type(renamed), renamed.errno, renamed.user_message) == (Renamed, 17, "b.txt is taken.")
    assert str(renamed) == "[Errno 17] taken"


EXPECTED = {
    fs_errors.ResourceNotFound: fs.FileNotFound,
    fs_errors.FileExpected: fs.FileNotFound,
    fs_errors.FileExists: fs.FileExists,
    fs_errors.DestinationExists: fs.FileExists,
    fs_errors.DirectoryExists: fs.FileExists,
    fs_errors.DirectoryNotEmpty: fs.FileExists,
    fs_errors.DirectoryExpected: fs.InvalidPath,
    fs_errors.InvalidPath: fs.InvalidPath,
    fs_errors.InvalidCharsInPath: fs.InvalidPath,
    fs_errors.PathError: fs.InvalidPath,
    fs_errors.IllegalBackReference: fs.InvalidPath,
    fs_errors.NoSysPath: fs.OperationNotSupported,
    fs_errors.NoURL: fs.OperationNotSupported,
    fs_errors.Unsupported: fs.OperationNotSupported,
    fs_errors.PermissionDenied: fs.PermissionDenied,
    fs_errors.ResourceReadOnly: fs.PermissionDenied,
    fs_errors.RemoteConnectionError: fs.BackendError,
    fs_errors.OperationTimeout: fs.BackendError,
    fs_errors.CreateFailed: fs.BackendError,
}


def make(kind):
    parameters = inspect.signature(kind.__init__).parameters
    values = {"path": "a.txt", "purpose": "download", "errors": []}
    return kind(**{name: value for name, value in values.items() if name in parameters})


FS_ERRORS = [
    kind
    for kind in vars(fs_errors).values()
    if inspect.isclass(kind) and issubclass(kind, (fs_errors.FSError, fs_errors.IllegalBackReference))
]


@pytest.mark.parametrize("kind", FS_ERRORS)
def test_no_error_of_a_filesystem_is_lost(kind):
    error = make(kind)
    with pytest.raises(fs.FSError) as raised, translated("files", "a.txt"):
        raise error
    assert type(raised.value) is EXPECTED.get(kind, fs.FSError)
    assert raised.value.__cause__ is error
    assert (raised.value.path, raised.value.storage) == ("a.txt", "files")
    assert "'a.txt' in storage 'files'" in str(raised.value)


@pytest.mark.parametrize(
    ("error", "public"),
    [
        (FileNotFoundError(2, "no"), fs.FileNotFound),
        (IsADirectoryError(21, "directory"), fs.FileNotFound),
        (FileExistsError(17, "exists"), fs.FileExists),
        (NotADirectoryError(20, "file"), fs.InvalidPath),
        (PermissionError(13, "no"), fs.PermissionDenied),
        (ConnectionResetError(), fs.BackendError),
        (BrokenPipeError(), fs.BackendError),
        (TimeoutError(), fs.BackendError),
        (EOFError(), fs.BackendError),
        (OSError(28, "full"), fs.FSError),
    ],
)
def test_errors_of_the_operating_system(error, public):
    assert type(translate(error)) is public
    assert translate(error).storage is None


@pytest.mark.parametrize("error", [KeyError("a"), RuntimeError(), KeyboardInterrupt(), TypeError()])
def test_other_errors_go_through(error):
    with pytest.raises(type(error)) as raised, translated("files", "a.txt"):
        raise error
    assert raised.value is error


def test_our_own_errors_go_through():
    error = fs.FileExists("taken")
    with pytest.raises(fs.FileExists) as raised, translated("files", "a.txt"):
        raise error
    assert raised.value is error


@pytest.mark.parametrize("backend", ["local", "memory"])
@pytest.mark.parametrize("error", [OSError("disk"), ConnectionError(), FileNotFoundError(), KeyError("x")])
def test_what_the_callers_own_source_raises_goes_through(app, backend, error):
    class Source:
        def read(self, size=-1):
            raise error

    app.config["FS_BACKEND"] = backend
    storage = fs.Storage("files")
    fs.init_app(app, storage)
    for operation in (lambda: storage.write("a.txt", Source()), lambda: storage.save(Source(), "a.txt")):
        with pytest.raises(type(error)) as raised:
            operation()
        assert raised.value is error
    assert list(storage.list_files()) == []
