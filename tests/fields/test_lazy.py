"""Thumbnails that are made at the first request: process="lazy"."""

import io
import sys
from typing import Any, cast
from urllib.parse import unquote

import flask
import pytest
from PIL import Image
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

import flask_pyfs as fs
from flask_pyfs.fields.image import ImageReference
from flask_pyfs.fields.settings import ImageSettings
from flask_pyfs.leases import once as leases
from flask_pyfs.renditions import lazy, making
from flask_pyfs.sqlalchemy import ImageType


@pytest.fixture
def renders(monkeypatch):
    """The sizes that were rendered, in their order."""
    sizes = []
    real = making.render

    def counted(source, **options):
        sizes.extend(options["sizes"])
        return real(source, **options)

    monkeypatch.setattr(lazy, "render", counted)
    return sizes


@pytest.fixture
def configure(app):
    app.config.update(FS_SERVE=True, SECRET_KEY="secret", FS_BACKEND="memory")

    def configure(**settings):
        storage = fs.Storage("avatars", fs.ALL, overwrite=settings.pop("overwrite", False))
        app.config.update({f"AVATARS_FS_{key}": value for key, value in settings.items()})
        fs.init_app(app, storage)
        return storage

    return configure


def reference_to(storage, **settings):
    return ImageReference(ImageSettings(storage, process="lazy", **{"thumbnails": (100, 50), **settings}))


def opened(response):
    with response:
        assert response.status_code == 200, response.text
        return Image.open(io.BytesIO(response.data))


def test_a_thumbnail_has_a_url_at_once_and_is_made_once(app, configure, draw, renders):
    storage = configure()
    avatar = reference_to(storage)
    assert avatar.save(draw(), "a.png") == "a.png"
    assert avatar.state is None
    assert list(storage.list_files()) == ["a.png"]
    client = app.test_client()
    for _ in range(3):
        with opened(client.get(avatar(100))) as image:
            assert (image.format, image.size) == ("PNG", (100, 100))
    assert renders == [100]
    assert sorted(storage.list_files()) == sorted(["a.png", avatar.thumbnails["100"]])
    assert client.get(avatar(100), headers={"Range": "bytes=0-3"}).data == b"\x89PNG"
    assert client.head(avatar(50)).status_code == 200
    assert renders == [100, 50]


def test_the_signature_binds_the_size_the_part_and_the_image(app, configure, draw, renders):
    avatar = reference_to(configure())
    avatar.save(draw(), "a.png", bbox=(0, 0, 100, 100))
    url, client = avatar(100), app.test_client()
    assert "render=100%2C0.0%2C0.0%2C100.0%2C100.0" in url
    for changed in (
        url.replace("render=100", "render=5000"),
        url.replace("100.0%2C100.0", "200.0%2C200.0"),
        url.replace("of=a.png", "of=b.png"),
        url.replace("-100@", "-200@"),
        url.partition("&signature")[0] + "&signature=x",
    ):
        assert changed != url
        assert client.get(changed).status_code == 403
    assert client.get(url.partition("?")[0]).status_code == 404
    assert renders == []
    assert client.get(url).status_code == 200


def test_an_old_url_never_shows_a_newer_image(app, configure, draw, renders):
    storage = configure(overwrite=True)
    avatar = reference_to(storage)
    avatar.save(draw(colour="red"), "a.png")
    old, client = avatar(100), app.test_client()
    avatar.save(draw(colour="blue"), "a.png")
    assert avatar(100) != old
    assert client.get(old).status_code == 404
    assert (renders, list(storage.list_files())) == ([], ["a.png"])
    with opened(client.get(avatar(100))) as image:
        assert image.getpixel((50, 50))[:3] == (0, 0, 255)


@pytest.mark.parametrize("mode", ["stream", "redirect", "sendfile"])
def test_it_is_served_as_any_file(app, configure, draw, tmp_path, mode, monkeypatch):
    storage = configure(BACKEND="local", ROOT=str(tmp_path / "root"))
    if mode == "redirect":
        monkeypatch.setattr(storage.backend, "signed_url", lambda name, *rest, **options: f"https://store.test/{name}")
    app.config["AVATARS_FS_SERVE_MODE"] = mode
    storage.config["serve_mode"] = mode
    avatar = reference_to(storage)
    avatar.save(draw(), "a.png")
    for _ in range(2):
        response = app.test_client().get(avatar(100))
        name = avatar.thumbnails["100"]
        assert storage.exists(name)
        if mode == "stream":
            assert opened(response).size == (100, 100)
        elif mode == "redirect":
            assert (response.status_code, response.location) == (302, f"https://store.test/{name}")
        else:
            assert unquote(response.headers["X-Sendfile"]) == str(tmp_path / "root" / name)


def test_a_private_storage_signs_for_a_time(app, configure, draw):
    storage = configure(PRIVATE=True)
    avatar = reference_to(storage)
    avatar.save(draw(), "a.png")
    assert "expires=" in avatar(100)
    assert app.test_client().get(avatar(100)).status_code == 200


def test_a_url_from_before_the_storage_was_private_opens_nothing(app, configure, draw):
    avatar = reference_to(configure())
    avatar.save(draw(), "a.png")
    url = avatar(100)
    assert "expires=" not in url
    storage = configure(PRIVATE=True)
    assert storage.config.private
    assert app.test_client().get(url).status_code == 403


def test_authorize_is_asked_before_anything_is_made(app, configure, draw, renders):
    asked = []

    def refuse(access):
        asked.append(access)
        return False

    storage = configure(AUTHORIZE=refuse)
    avatar = reference_to(storage)
    avatar.save(draw(), "a.png")
    assert app.test_client().get(avatar(100)).status_code == 403
    assert [(access.filename, access.signed) for access in asked] == [(avatar.thumbnails["100"], False)]
    assert renders == []


def test_authorize_may_say_no_by_any_error(app, configure, draw, renders):
    storage = configure(AUTHORIZE=lambda access: flask.abort(404))
    avatar = reference_to(storage)
    avatar.save(draw(), "a.png")
    assert app.test_client().get(avatar(100)).status_code == 404
    assert (renders, list(storage.list_files())) == ([], ["a.png"])


@pytest.mark.parametrize("base", ["a" * 251, "é" * 125, "d/" + "a" * 251])
def test_a_long_name_is_cut(app, configure, draw, tmp_path, base):
    storage = configure(BACKEND="local", ROOT=str(tmp_path / "root"))
    avatar = reference_to(storage)
    avatar.save(draw(), f"{base}.png")
    assert opened(app.test_client().get(avatar(100))).size == (100, 100)
    assert storage.exists(avatar.thumbnails["100"])


def test_a_name_that_no_thumbnail_can_have_is_refused_at_once(configure, draw):
    storage = configure()
    with pytest.raises(fs.InvalidPath):
        reference_to(storage).save(draw(), "/".join(["a" * 200] * 5) + "/a.png")
    assert list(storage.list_files()) == []


def test_it_is_written_by_the_method_of_the_app(app, configure, draw):
    written = []

    class Watched(fs.Storage):
        def write(self, filename: str, content: Any, overwrite: bool | None = None) -> fs.StoredName:
            written.append(filename)
            return super().write(filename, content, overwrite=overwrite)

    for overwrite in (False, True):
        storage = Watched("avatars", fs.ALL, overwrite=overwrite)
        fs.init_app(app, storage)
        avatar = reference_to(storage)
        avatar.save(draw(), f"{overwrite}.png")
        assert opened(app.test_client().get(avatar(100))).size == (100, 100)
        assert written.pop() == avatar.thumbnails["100"]


def test_the_displayed_image_is_made_at_once(app, configure, draw, size_of):
    storage = configure()
    avatar = reference_to(storage, max_size=120)
    assert avatar.save(draw(), "a.png") == "a.png"
    assert sorted(storage.list_files()) == ["a-original.png", "a.png"]
    assert size_of(storage, "a.png") == (120, 80)
    assert opened(app.test_client().get(avatar(100))).size == (100, 100)


@pytest.mark.parametrize(
    ("process", "second"), [("now", "a.png"), ("lazy", "a.png"), ("later", "a_1.png")], ids=lambda name: name
)
def test_only_a_worker_never_replaces(app, configure, draw, process, second):
    app.config["FS_ENQUEUE"] = print
    storage, found = configure(overwrite=True), []
    for colour in ("red", "blue"):
        avatar = reference_to(storage, max_size=120)
        avatar.process = process
        avatar.save(draw(colour=colour), "a.png")
        avatar.rerender()
        assert avatar.state is None
        found.append(avatar.filename)
    assert found == ["a.png", second]


@pytest.mark.parametrize("settings", [{}, {"URL": "https://cdn.test/"}, {"PRIVATE": True}], ids=str)
def test_a_page_is_whole_without_a_key(app, configure, draw, caplog, settings):
    storage = configure(**settings)
    avatar = reference_to(storage, max_size=120)
    avatar.save(draw(), "a.png")
    app.secret_key = None
    image = storage.url("a.png")
    for expires in (None, 60):
        assert avatar.best_url(50, expires=expires) == avatar.full(expires=expires) == image
        assert avatar.srcset(expires=expires) == f"{image} 50w, {image} 100w"
    record, *others = caplog.records
    assert (record.levelname, others) == ("WARNING", [])
    assert record.message == "storage 'avatars': the app cannot sign URLs: set its SECRET_KEY"


def test_who_may_not_see_it_gets_a_whole_page(configure, draw, caplog):
    avatar = reference_to(configure(AUTHORIZE=lambda access: False, PRIVATE=True))
    avatar.save(draw(), "a.png")
    assert avatar(100) == "/avatars/a.png"
    assert caplog.records == []


def test_a_replaced_key_ends_the_urls_unless_it_is_kept(app, configure, draw):
    avatar = reference_to(configure())
    avatar.save(draw(), "a.png")
    url, client = avatar(100), app.test_client()
    app.config["SECRET_KEY"] = "another"
    assert client.get(url).status_code == 403
    app.config["SECRET_KEY_FALLBACKS"] = ["secret"]
    assert opened(client.get(url)).size == (100, 100)


def test_what_the_limits_refuse_is_not_stored(configure, draw):
    storage = configure(IMAGES_MAX_PIXELS=1000)
    with pytest.raises(fs.UnauthorizedFileType):
        reference_to(storage).save(draw(), "a.png")
    assert list(storage.list_files()) == []


def test_limits_hold_at_the_request_too(app, configure, draw, renders):
    storage = configure()
    avatar = reference_to(storage)
    avatar.save(draw(), "a.png")
    app.config["AVATARS_FS_IMAGES_MAX_PIXELS"] = 1000
    client = app.test_client()
    assert [client.get(avatar(100)).status_code for _ in range(3)] == [415] * 3
    # who asks again soon costs nothing
    assert renders == [100]
    assert list(storage.list_files()) == ["a.png"]


def test_it_needs_a_key_to_sign(app, configure, draw):
    storage = configure()
    app.secret_key = None
    with pytest.raises(fs.ConfigurationError, match="SECRET_KEY"):
        reference_to(storage).save(draw(), "a.png")
    assert list(storage.list_files()) == []


def test_without_sizes_nothing_is_needed(app, draw, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    for name in [name for name in sys.modules if name.startswith("flask_pyfs.images")]:
        monkeypatch.delitem(sys.modules, name)
    app.config["FS_BACKEND"] = "memory"
    storage = fs.Storage("avatars", fs.ALL)
    fs.init_app(app, storage)
    avatar = reference_to(storage, thumbnails=())
    monkeypatch.setattr(lazy, "digest_of", lambda source: pytest.fail("nothing has that name"))
    assert avatar.save(io.BytesIO(b"anything"), "a.png") == "a.png"
    avatar.rerender()
    assert (list(storage.list_files()), avatar.thumbnails) == (["a.png"], {})


def test_only_a_promise_needs_a_key(app, configure, draw, size_of):
    storage = configure(SERVE=False)
    app.secret_key = None
    avatar = reference_to(storage, thumbnails=(), max_size=120)
    avatar.save(draw(), "a.png")
    assert size_of(storage, "a.png") == (120, 80)


@pytest.mark.parametrize(
    ("setting", "error"),
    [
        ({"SECRET_KEY": None}, fs.ConfigurationError),
        ({"FS_SERVE": False}, fs.ConfigurationError),
        ({"AVATARS_FS_IMAGES_MAX_PIXELS": 1000}, fs.UnauthorizedFileType),
    ],
)
def test_rerender_promises_no_more_than_save(app, configure, draw, setting, error):
    storage = configure()
    avatar = ImageReference(ImageSettings(storage, thumbnails=(100,)))
    avatar.save(draw(), "a.png")
    avatar.process, before = "lazy", avatar.snapshot()
    app.config.update(setting)
    with pytest.raises(error):
        avatar.rerender()
    assert avatar.snapshot() == before
    assert sorted(storage.list_files()) == ["a-100.png", "a.png"]


@pytest.mark.parametrize("url", [None, "https://cdn.test/"])
@pytest.mark.parametrize("served", [{"FS_SERVE": False}, {"FS_SERVE": True, "AVATARS_FS_SERVE": False}])
def test_it_needs_the_route(app, configure, draw, url, served):
    app.config.update(served)
    storage = configure(URL=url)
    with pytest.raises(fs.ConfigurationError, match="set FS_SERVE or AVATARS_FS_SERVE to True"):
        reference_to(storage).save(draw(), "a.png")
    assert list(storage.list_files()) == []


def test_an_unknown_process_is_refused():
    with pytest.raises(ValueError, match="'now', 'later', 'lazy', not 'lasy'"):
        ImageType(fs.Storage("avatars"), process=cast(Any, "lasy"))


def test_rerender_makes_it_again(app, configure, draw, renders):
    storage = configure()
    avatar = reference_to(storage)
    avatar.save(draw(), "a.png")
    client = app.test_client()
    client.get(avatar(100))
    avatar.rerender()
    assert list(storage.list_files()) == ["a.png"]
    assert client.get(avatar(100)).status_code == 200
    assert renders == [100, 100]


def test_rerender_changes_to_and_from_it(app, configure, draw):
    storage = configure()
    avatar = ImageReference(ImageSettings(storage, thumbnails=(100,)))
    avatar.save(draw(), "a.png")
    avatar.process = "lazy"
    avatar.rerender()
    assert lazy.is_lazy(avatar.thumbnails["100"])
    assert app.test_client().get(avatar(100)).status_code == 200
    avatar.process = "now"
    avatar.rerender()
    assert not lazy.is_lazy(avatar.thumbnails["100"])
    assert storage.exists(avatar.thumbnails["100"])


class Base(DeclarativeBase):
    pass


avatars = fs.Storage("avatars", fs.ALL, overwrite=True)


class User(Base):
    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
    avatar: Mapped[ImageReference] = mapped_column(ImageType(avatars, thumbnails=[100], process="lazy"), nullable=True)


@pytest.fixture
def session(app):
    app.config.update(FS_SERVE=True, SECRET_KEY="secret", FS_BACKEND="memory")
    fs.init_app(app, avatars)
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


def test_it_goes_with_its_row(app, session, draw):
    client = app.test_client()
    user = User()
    user.avatar.save(draw(), "a.png")
    session.add(user)
    session.commit()
    assert client.get(user.avatar(100)).status_code == 200
    user.avatar.save(draw(colour="blue"), "b.png")
    assert client.get(user.avatar(100)).status_code == 200
    session.rollback()
    assert sorted(avatars.list_files()) == sorted(["a.png", user.avatar.thumbnails["100"]])
    url = user.avatar(100)
    session.delete(user)
    session.commit()
    assert list(avatars.list_files()) == []
    assert client.get(url).status_code == 404
    assert list(avatars.list_files()) == []


def test_it_goes_if_it_is_made_while_the_row_is_deleted(app, session, draw, monkeypatch):
    user = User()
    user.avatar.save(draw(), "a.png")
    session.add(user)
    session.commit()
    url = user.avatar(100)
    real = making.render

    def deleted_meanwhile(source, **options):
        session.delete(user)
        session.commit()
        assert list(avatars.list_files()) == []
        return real(source, **options)

    monkeypatch.setattr(lazy, "render", deleted_meanwhile)
    assert app.test_client().get(url).status_code == 404
    assert list(avatars.list_files()) == []


def test_the_image_is_deleted_before_its_thumbnails(app, session, draw, monkeypatch):
    user = User()
    user.avatar.save(draw(), "a.png")
    session.add(user)
    session.commit()
    app.test_client().get(user.avatar(100))
    deleted = []
    with fs.signals.file_deleted.connected_to(lambda storage, filename: deleted.append(str(filename))):
        expected = ["a.png", user.avatar.thumbnails["100"]]
        session.delete(user)
        session.commit()
    assert deleted == expected


def test_who_waits_too_long_is_told_to_ask_again(app, configure, draw, monkeypatch):
    storage = configure()
    avatar = reference_to(storage)
    avatar.save(draw(), "a.png")
    answers = []

    def while_another_asks(source, **options):
        with monkeypatch.context() as patch:
            patch.setattr(lazy, "longest", lambda storage: 0)
            answers.append(app.test_client().get(avatar(100)))
        raise fs.BackendError("out of order")

    monkeypatch.setattr(lazy, "render", while_another_asks)
    assert app.test_client().get(avatar(100)).status_code == 500
    assert (answers[0].status_code, answers[0].headers["Retry-After"]) == (503, "2")


def test_another_takes_over_from_one_that_died(app, configure, draw, monkeypatch, tmp_path):
    for backend in ("memory", "local"):
        storage = configure(BACKEND=backend, ROOT=str(tmp_path / "root"))
        avatar = reference_to(storage)
        avatar.save(draw(), "a.png")
        with monkeypatch.context() as patch:

            def die(*arguments, **options):
                raise KeyboardInterrupt

            patch.setattr(leases._StoredLease, "release", lambda lease: None)
            patch.setattr(lazy, "render", die)
            with pytest.raises(KeyboardInterrupt):
                app.test_client().get(avatar(100))
        with monkeypatch.context() as patch:
            patch.setattr(lazy, "longest", lambda storage: 0)
            assert app.test_client().get(avatar(100)).status_code == 503
            patch.setattr(lazy, "longest", lambda storage: 60)
            patch.setattr(lazy, "lease_time", lambda storage: -1)
            assert opened(app.test_client().get(avatar(100))).size == (100, 100)


def test_what_died_is_swept(app, configure, draw, monkeypatch, tmp_path):
    for backend in ("memory", "local"):
        storage = configure(BACKEND=backend, ROOT=str(tmp_path / "root"), PREFIX="below")
        avatar = reference_to(storage)
        avatar.save(draw(), "a.png")
        monkeypatch.setattr(leases._StoredLease, "release", lambda lease: None)
        assert opened(app.test_client().get(avatar(100))).size == (100, 100)
        assert sorted(storage.list_files()) == sorted(["a.png", avatar.thumbnails["100"]])
        counts = [storage.backend.remove_leftovers(-1, dry_run=dry_run) for dry_run in (True, False, False)]
        assert counts == [1, 1, 0], backend
