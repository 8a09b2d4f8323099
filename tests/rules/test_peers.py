"""The settings of Flask-FS, flask-fs2 and flask-storage: each is used, has no effect, or is refused by name."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import ClassVar

import pytest

import flask_pyfs as fs
from flask_pyfs.backends import BaseBackend, Option, registry
from flask_pyfs.common import COMMON
from flask_pyfs.peers import NO_EFFECT, SETTINGS, USED, WITHOUT_EFFECT

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "configuration.rst").read_text(encoding="utf-8")

# what these packages read, by backend; None is any
EVERYWHERE = {None: "BACKEND URL SERVE PREFIX ALLOW DENY IMAGES_OPTIMIZE", "local": "ROOT"}
READ = {
    "Flask-FS": EVERYWHERE
    | {
        "s3": "ENDPOINT REGION ACCESS_KEY SECRET_KEY",
        "gridfs": "MONGO_URL MONGO_DB",
        "swift": "AUTHURL USER KEY",
    },
    "flask-fs2": EVERYWHERE
    | {
        None: EVERYWHERE[None] + " CREATE_STORAGE AES256_ENCRYPTED AES256_KEY",
        "s3": "ENDPOINT REGION ACCESS_KEY SECRET_KEY CREATE_BUCKET",
        "gridfs": "MONGO_URL MONGO_DB",
        "swift": "AUTHURL USER KEY AUTH_VERSION TENANT_NAME REGION_NAME OS_OPTIONS CREATE_CONTAINER "
        "POOL_SIZE POOL_TIMEOUT TIMEOUT RETRIES ETAG_MISMATCH_POLICY",
    },
    "flask-storage": EVERYWHERE
    | {
        "s3": "ENDPOINT REGION ACCESS_KEY SECRET_KEY CREATE_BUCKET BUCKET_NAME OBJECT_ACL OBJECT_STORAGE_CLASS "
        "USE_THREADS",
    },
}

#: What each backend cannot do without. No server is asked.
NEEDED: dict[str, dict[str, object]] = {
    "local": {},
    "memory": {},
    "mock": {},
    "pyfs": {"OPEN_URL": "mem://"},
    "s3": {},
    "gridfs": {"MONGO_URL": "mongodb://127.0.0.1:1", "MONGO_DB": "files"},
    "swift": {"AUTHURL": "http://127.0.0.1:1/v3", "USER": "media", "KEY": "k"},
}
# at the level of the storage, of the backend, and of the app
LEVELS = ["FILES_FS_{}", "FS_{backend}_{}", "FS_{}"]
OFF = [None, False, 0, "", "false", "0", "off"]
# for flask-fs2, any text but the empty one is true
AMBIGUOUS = ["false", "0", "off", " ", " No "]
ON = [True, 1, "true", "1", "yes"]
FERNET = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlYzE="


def configure(app, backend, **settings):
    app.config.update({f"FILES_FS_{key}": value for key, value in NEEDED[backend].items()})
    app.config.update(settings, FILES_FS_BACKEND=backend)
    storage = fs.Storage("files", fs.ALL)
    fs.init_app(app, storage)
    return storage


def keys(level, backend, **settings):
    return {level.format(key, backend=backend.upper()): value for key, value in settings.items()}


# The table


def test_the_table_has_what_these_packages_read():
    read: dict[tuple[str, str | None], set[str]] = {}
    for package, backends in READ.items():
        for backend, names in backends.items():
            for name in names.split():
                read.setdefault((name, backend), set()).add(package)
    assert {(setting.name, setting.backend): set(setting.packages) for setting in SETTINGS} == read


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_what_is_used_is_an_option_and_nothing_else_is(setting):
    installed = registry.all_options()
    options = (*COMMON, *(installed[setting.backend] if setting.backend else ()))
    options += tuple(option for backend in installed.values() for option in backend) if setting.effect != USED else ()
    setters = {name: option.name for option in options for name in (option.name, *option.aliases)}
    assert setters.get(setting.name) == ((setting.option or setting.name) if setting.effect == USED else None)


def test_the_page_shows_the_table():
    here = {USED: "used", NO_EFFECT: "no effect"}
    table = PAGE.partition(".. _peers:")[2]
    rows = re.findall(r"^   ``(\w+)``; (.+); (.+); (.+)$", table, re.MULTILINE)
    shown = [(name, packages, backend, effect.partition(":")[0]) for name, packages, backend, effect in rows]
    assert shown == [
        (
            setting.name,
            "all" if len(setting.packages) == 3 else ", ".join(setting.packages),
            setting.backend or "any",
            f"used as ``{setting.option}``" if setting.option else here[setting.effect],
        )
        for setting in SETTINGS
    ]


SOURCES = {
    "Flask-FS": ("flask-fs==0.6.1", "flask_fs"),
    "flask-fs2": ("flask-fs2==0.8.2", "flask_fs"),
    "flask-storage": ("flask-storage==2.1.1", "flask_storage"),
}
# how their sources read a setting of a storage, or of the app
READS = [
    r"""(?<!app\.)\bconfig(?:\.get\(|\[)["'](\w+)["']""",
    r"""\bgetattr\(\s*(?:self\.)?config,\s*["'](\w+)["']""",
    r"""(?<!app\.)(?<!session\.)(?<!\w)config\.(?!get\b|items\b|setdefault\b|from_)([a-z]\w*)""",
    r"""\bapp\.config(?:\.get\(|\.setdefault\(|\[)\s*["']FS_(?:LOCAL_)?(\w+)["']""",
    r"""^\s+["'](object_\w+)["']: ["']""",
    r"""\{0\}(URL|BACKEND)["']""",
]


@pytest.mark.slow
@pytest.mark.parametrize("package", SOURCES)
def test_the_sources_read_nothing_else(package, tmp_path):
    requirement, directory = SOURCES[package]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(tmp_path), requirement]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(*tmp_path.glob("*.whl")) as wheel:
        names = [name for name in wheel.namelist() if name.startswith(f"{directory}/") and name.endswith(".py")]
        sources = "\n".join(wheel.read(name).decode() for name in names)
    found = {name.upper() for pattern in READS for name in re.findall(pattern, sources, re.MULTILINE)}
    known = {name for backends in READ[package].values() for name in backends.split()}
    assert found - known == set()
    # the first is in a later release, and Flask joins the name of the second from pieces
    assert known - found <= {"USE_THREADS", "SERVE"}


# Without effect


@pytest.mark.parametrize("backend", NEEDED)
@pytest.mark.parametrize("level", LEVELS)
def test_what_has_no_effect_is_accepted(app, level, backend):
    for value in (None, "", "log", 30, False, "false"):
        inert = {setting.name: value for setting in SETTINGS if setting.effect == NO_EFFECT}
        configure(app, backend, **keys(level, backend, **inert))
    assert len(inert) == 4


def test_what_has_no_effect_needs_no_other_backend(app, monkeypatch):
    def all_options():
        raise AssertionError("asked")

    monkeypatch.setattr(registry, "all_options", all_options)
    configure(app, "local", FILES_FS_CREATE_STORAGE=True)


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("FS_LOCAL_AES256_ENCRYPTD", "FS_LOCAL_AES256_ENCRYPTED"),
        ("FILES_FS_ASE256_ENCRYPTED", "FILES_FS_AES256_ENCRYPTED"),
        ("FILES_FS_AES256_KYE", "FILES_FS_AES256_KEY"),
        ("FILES_FS_CREATE_STORGE", "FILES_FS_CREATE_STORAGE"),
        ("FILES_FS_USE_THREAD", "FILES_FS_USE_THREADS"),
        ("FILES_FS_POOL_TIMOUT", "FILES_FS_POOL_TIMEOUT"),
        ("FILES_FS_ETAG_MISSMATCH_POLICY", "FILES_FS_ETAG_MISMATCH_POLICY"),
        ("FILES_FS_BUCKETNAME", "FILES_FS_BUCKET_NAME"),
    ],
)
def test_a_misspelling_is_found(app, key, meant):
    with pytest.raises(fs.ConfigurationError, match=f"^{key} is not .*: did you mean {meant}\\?$"):
        configure(app, "local", **{key: False})


class Undeclared(BaseBackend):
    """Takes any setting."""

    options: ClassVar[tuple[Option, ...] | None] = None


class Encrypting(BaseBackend):
    """Encrypts by itself."""

    options: ClassVar[tuple[Option, ...] | None] = (
        Option("AES256_ENCRYPTED", "bool"),
        Option("POOL_TIMEOUT", "float", default=30),
    )


@pytest.fixture(params=[Undeclared, Encrypting])
def custom(request, monkeypatch):
    class Entry:
        module = __name__

        def load(self):
            return request.param

    monkeypatch.setitem(NEEDED, "custom", {})
    entries = {**registry.installed(), "custom": Entry()}
    monkeypatch.setattr(registry, "installed", lambda: entries)
    return request.param


def test_a_custom_backend_may_give_them_a_meaning(app, custom):
    config = configure(app, "custom", FS_CUSTOM_POOL_TIMEOUT="20").config
    assert config.pool_timeout == ("20" if custom is Undeclared else 20.0)


# Encryption


@pytest.mark.parametrize("key", [None, "", FERNET])
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("backend", NEEDED)
def test_encryption_that_is_off_is_accepted(app, backend, level, key):
    # with flask-fs2, a key alone encrypted nothing either
    configure(app, backend, **keys(level, backend, AES256_KEY=key))
    for value in OFF:
        if not (key and value in AMBIGUOUS):
            configure(app, backend, **keys(level, backend, AES256_ENCRYPTED=value, AES256_KEY=key))


@pytest.mark.parametrize("key_level", LEVELS)
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("backend", NEEDED)
def test_a_text_that_flask_fs2_took_for_true_is_refused_with_a_key(app, backend, level, key_level):
    for value in AMBIGUOUS:
        settings = keys(level, backend, AES256_ENCRYPTED=value)
        with pytest.raises(fs.ConfigurationError) as raised:
            configure(app, backend, **settings, **keys(key_level, backend, AES256_KEY=FERNET))
        message = str(raised.value)
        assert message.startswith(f"{next(iter(settings))} is the text {value!r}, which flask-fs2 takes for true")
        assert FERNET not in message


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("backend", NEEDED)
def test_encryption_that_is_on_needs_the_key(app, backend, level):
    for value in ON:
        settings = keys(level, backend, AES256_ENCRYPTED=value)
        with pytest.raises(
            fs.ConfigurationError, match=f"AES256_KEY must be set, as {next(iter(settings))} is on"
        ) as raised:
            configure(app, backend, **settings, **keys(level, backend, AES256_KEY=None))
        assert raised.value.storage == "files"
        storage = configure(app, backend, **settings, **keys(level, backend, AES256_KEY=FERNET))
        if backend == "mock":
            # it writes nothing in any case
            continue
        # nothing is written that is not encrypted
        with pytest.raises(fs.ConfigurationError, match="FILES_FS_ENCRYPTION_KEYS is not set") as raised:
            storage.write("a.txt", b"content")
        assert FERNET not in str(raised.value)
        assert raised.value.storage == "files"


def test_encryption_that_is_neither_on_nor_off(app):
    with pytest.raises(fs.ConfigurationError, match="FILES_FS_AES256_ENCRYPTED must be true or false"):
        configure(app, "local", FILES_FS_AES256_ENCRYPTED="perhaps")


def test_the_nearest_level_says_whether_files_are_encrypted(app):
    configure(app, "local", FILES_FS_AES256_ENCRYPTED=False, FS_LOCAL_AES256_ENCRYPTED=True, FS_AES256_ENCRYPTED=True)
    with pytest.raises(fs.ConfigurationError, match="as FS_LOCAL_AES256_ENCRYPTED is on"):
        configure(app, "local", FILES_FS_AES256_ENCRYPTED=None)


def test_the_encryption_of_others_does_not_matter(app):
    configure(app, "local", FS_S3_AES256_ENCRYPTED=True, OTHERS_FS_AES256_ENCRYPTED=True)


def test_a_custom_backend_that_does_not_encrypt_is_refused(app, custom):
    settings = {"FS_CUSTOM_AES256_ENCRYPTED": True, "FS_CUSTOM_AES256_KEY": FERNET}
    if custom is Undeclared:
        with pytest.raises(fs.ConfigurationError, match=r"^FS_CUSTOM_AES256_ENCRYPTED cannot be used with"):
            configure(app, "custom", **settings)
    else:
        # it has a meaning of its own
        storage = configure(app, "custom", **settings)
        assert storage.backend.wrapper is None
        assert storage.config.aes256_encrypted is True


# Whole configurations


# what flask-fs2 and flask-storage take for "not set", besides None; what has no value is often an empty variable
@pytest.mark.parametrize(
    ("backend", "names"),
    [
        ("local", "URL PREFIX SERVE ALLOW DENY IMAGES_OPTIMIZE ROOT"),
        ("s3", "ENDPOINT REGION CREATE_BUCKET BUCKET_NAME OBJECT_ACL OBJECT_STORAGE_CLASS"),
        ("swift", "TENANT_NAME REGION_NAME OS_OPTIONS CREATE_CONTAINER"),
    ],
)
@pytest.mark.parametrize("level", LEVELS[:2])
def test_an_empty_variable(app, level, backend, names):
    for name in names.split():
        configure(app, backend, **keys(level, backend, **{name: ""}))


def test_without_effect_is_all_that_no_option_has():
    assert {setting.name for setting in SETTINGS if setting.effect != USED} == WITHOUT_EFFECT
