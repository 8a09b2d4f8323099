"""What clients meet: signed URLs, signed uploads, pages of the app, and names that nobody may read."""

from contextlib import closing

import pytest
from containers import bare_connection
from servers.rewriting import Answer, RewritingProxy
from servers.tls import certificate
from test_stores import S3, answer

from flask_pyfs.doctor import examine
from flask_pyfs.doctor.contents import FIRST
from flask_pyfs.doctor.http import Unanswered, ask

ORIGIN = "https://shop.example"


@pytest.fixture
def with_key(swift_place, configured):
    """Configure a storage whose container has a Temp-URL key, and perhaps further headers."""

    def with_key(key="the key", own=None, **headers):
        storage = configured("swift", TEMP_URL_KEY=own or key)
        with closing(bare_connection(swift_place)) as connection:
            named = {f"X-Container-{name.replace('_', '-')}": value for name, value in headers.items()}
            named["X-Container-Meta-Temp-URL-Key"] = key
            connection.post_container(storage.config["container"], named)
        return storage

    return with_key


def test_signed_urls_of_swift(with_key, findings):
    with_key()
    found = findings()
    assert [each for each in found.values() if each.level in ("error", "warning")] == []
    assert found["signed-url"].level == found["signed-upload"].level == found["reserved"].level == "ok"


def test_a_wrong_key_of_signed_urls(with_key, findings):
    with_key(own="another")
    found = findings()
    for check in ("signed-url", "signed-upload"):
        assert found[check].level == "error"
        assert "set FILES_FS_TEMP_URL_KEY to the Temp-URL key of the account or the container" in found[check].message
    assert found["write"].level == found["delete"].level == "ok"


def test_an_address_that_clients_do_not_reach(configured, findings, unused_port):
    configured(S3, PUBLIC_ENDPOINT=f"http://127.0.0.1:{unused_port}")
    found = findings()
    for check in ("signed-url", "signed-upload"):
        assert found[check].level == "error"
        assert found[check].again
        assert "FILES_FS_PUBLIC_ENDPOINT" in found[check].message
    assert found["signed-copy"].level == "skipped"


def public(proxied, change, **settings):
    """Let clients reach a bucket through a proxy that changes answers, or gives them itself."""
    storage, proxy = proxied(S3, **settings)
    proxy.ask = lambda request: change(request) if "Authorization" not in request.headers else None
    return storage


def test_a_store_that_shows_something_else(proxied, findings):
    public(proxied, lambda request: answer(200, b"It works!"))
    found = findings()
    assert found["signed-url"].level == "error"
    assert "FILES_FS_PUBLIC_ENDPOINT" in found["signed-url"].message
    assert found["signed-upload"].level == "error"
    assert "nothing was stored" in found["signed-upload"].message


def test_a_store_that_checks_no_signature(with_key, swift_place, findings, monkeypatch, app):
    storage = with_key(Read=".r:*")

    def ask(request):
        if request.method == "GET" and "temp_url_sig" in request.path:
            request.path = request.path.partition("?")[0]

    host, port = swift_place.auth_url.split("/")[2].split(":")
    with RewritingProxy(host, int(port)) as proxy, app.app_context():
        proxy.ask = ask
        signed_url = storage.backend.signed_url
        monkeypatch.setattr(
            type(storage.backend),
            "signed_url",
            lambda self, *arguments, **options: proxy.url + "/" + signed_url(*arguments, **options).split("/", 3)[3],
        )
        found = findings()["signed-url"]
    assert found.level == "error"
    assert "whose signature was changed or has expired" in found.message
    assert "FILES_FS_CONTAINER" in found.message


def test_a_store_that_refuses_uploads(proxied, findings):
    refused = answer(403, b"<Error><Code>AccessDenied</Code></Error>")
    public(proxied, lambda request: refused if request.method == "POST" else None)
    found = findings()
    assert found["signed-url"].level == "ok"
    assert found["signed-upload"].level == "error"
    assert "403 AccessDenied" in found["signed-upload"].message


def test_a_store_that_sends_clients_no_parts(proxied, findings):
    def change(request):
        del request.headers["Range"]

    public(proxied, change)
    found = findings()
    assert found["signed-url"].level == "ok"
    assert found["signed-range"].level == "warning"


@pytest.mark.parametrize(("kind", "level"), [(S3, "warning"), ("s3-swift", "ok")])
def test_copies_that_a_client_lets_the_store_make(kind, level, configured, findings, app):
    storage = configured(kind)
    found = findings()["signed-copy"]
    assert found.level == level
    assert ("FILES_FS_ENDPOINT" in found.message) is (level == "warning")
    # the upload is forgotten
    assert storage.backend.remove_leftovers(-60) == 0


def test_copies_that_cannot_be_tried(proxied, findings):
    refused = answer(403, b"<Error><Code>AccessDenied</Code></Error>")
    _, proxy = proxied(S3)
    proxy.ask = lambda request: refused if request.method == "POST" and "?uploads" in request.path else None
    found = findings()
    assert found["signed-copy"].level == "skipped"
    assert "could not be tried" in found["signed-copy"].message
    assert found["delete"].level == "ok"


# CORS


@pytest.mark.parametrize("settings", [{}, {"origin": f"{ORIGIN}/"}])
def test_a_container_that_allows_pages(settings, app, with_key, findings):
    if not settings:
        app.config.update(SERVER_NAME="shop.example", PREFERRED_URL_SCHEME="https")
    with_key(Meta_Access_Control_Allow_Origin=ORIGIN)
    assert findings(**settings)["cors"].level == "ok"


@pytest.mark.parametrize("allowed", [None, "https://other.example"])
def test_a_container_that_allows_no_pages(allowed, with_key, findings):
    with_key(**({} if allowed is None else {"Meta_Access_Control_Allow_Origin": allowed}))
    found = findings(origin=ORIGIN)["cors"]
    assert found.level == "warning"
    assert f"pages of {ORIGIN} upload to it (PUT) or read files with scripts (GET)" in found.message
    assert "FILES_FS_CONTAINER" in found.message


def test_a_bucket_without_cors(proxied, findings):
    def change(request, given):
        # as S3 answers; moto allows all
        if request.method == "OPTIONS":
            given.status = 403
        for name in [name for name in given.headers if name.lower().startswith("access-control-")]:
            del given.headers[name]

    _, proxy = proxied(S3)
    proxy.change = change
    found = findings(origin=ORIGIN)["cors"]
    assert found.level == "warning"
    assert "FILES_FS_BUCKET" in found.message


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_pages_whose_scheme_nothing_tells(scheme, app, with_key, findings):
    app.config.update(SERVER_NAME="shop.example", PREFERRED_URL_SCHEME=scheme)
    with_key()
    found = findings()["cors"]
    # nothing tells whether the app needs it
    assert found.level == "skipped"
    assert "--origin" in found.message
    assert ("PREFERRED_URL_SCHEME" in found.message) is (scheme == "http")


@pytest.mark.parametrize(
    "given", ["https://Shop.Example/", "https://shop.example:443", "https://shop.example/cart?a=1"]
)
def test_an_origin_is_written_as_browsers_do(given, with_key, findings):
    with_key(Meta_Access_Control_Allow_Origin=ORIGIN)
    assert findings(origin=given)["cors"].level == "ok"


@pytest.mark.parametrize("given", ["shop.example", "ftp://shop.example", "https://", "https://shop.example:x"])
def test_what_is_no_origin(given, configured_app):
    with pytest.raises(ValueError, match=r"origin|[Pp]ort"):
        next(examine(configured_app[0], origin=given))


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_certificates_of_a_company(variable, tmp_path, monkeypatch):
    own = certificate(tmp_path, "127.0.0.1")
    with RewritingProxy("127.0.0.1", 1, own) as proxy:
        proxy.ask = lambda request: answer(200)
        with pytest.raises(Unanswered, match="certificate"):
            ask(proxy.url)
        monkeypatch.setenv(variable, str(own.path))
        assert ask(proxy.url).status == 200


def test_a_preflight_is_that_of_a_browser(proxied, findings):
    _, proxy = proxied("swift", TEMP_URL_KEY="a key")
    asked = []

    def ask(request):
        if request.method == "OPTIONS":
            asked.append({name.lower(): value for name, value in request.headers.items()})

    proxy.ask = ask
    findings(origin=ORIGIN)
    (headers,) = asked
    assert headers["origin"] == ORIGIN
    assert headers["access-control-request-method"] == "PUT"
    assert "content-type" in headers["access-control-request-headers"].split(",")


# Names that nobody may read


def test_a_container_for_all_without_signed_urls(swift_place, configured, findings):
    storage = configured("swift", PRIVATE=True)
    assert findings()["reserved"].level == "ok"
    with closing(bare_connection(swift_place)) as connection:
        connection.post_container(storage.config["container"], {"X-Container-Read": ".r:*"})
    found = findings()["reserved"]
    assert found.level == "error"
    assert "FILES_FS_CONTAINER" in found.message


def test_a_store_whose_address_nothing_tells(configured, findings):
    configured("gridfs")
    assert findings()["reserved"].level == "skipped"


@pytest.mark.parametrize("settings", [{}, {"BACKEND": "pyfs", "ROOT": None, "OPEN_URL": "osfs://{root}"}])
@pytest.mark.parametrize("url", [None, "http://127.0.0.1:{port}/media"])
def test_what_flask_shows_to_everybody_is_not_ok(url, settings, app, tmp_path, unused_port, configured, findings):
    app.static_folder = str(tmp_path / "static")
    root = tmp_path / "static" / "files"
    root.mkdir(parents=True)
    own = {key: value and value.format(root=root) for key, value in settings.items()}
    configured("local", **{"ROOT": str(root), "URL": url and url.format(port=unused_port), **own})
    found = findings()
    assert found["root"].level == "warning"
    assert found["reserved"].level == "skipped"
    assert "static" in found["reserved"].message


def test_a_container_for_all_whose_storage_is_private(with_key, findings, app):
    app.config["FILES_FS_PRIVATE"] = True
    with_key(Read=".r:*")
    found = findings()["reserved"]
    assert found.level == "error"
    assert "FILES_FS_CONTAINER" in found.message


def test_a_container_for_all_that_no_setting_mentions(with_key, findings):
    with_key(Read=".r:*")
    assert findings()["reserved"].level == "warning"


def test_a_container_for_all_as_the_settings_say(with_key, findings, app, swift_place):
    storage = with_key(Read=".r:*")
    with app.app_context():
        url = storage.backend.store.connection.get_auth()[0]
        storage.backend.store.connection.close()
    app.config["FILES_FS_URL"] = f"{url}/{storage.config['container']}"
    storage.configure(app)
    found = findings()["reserved"]
    assert found.level == "ok"
    assert "for all" in found.message
    app.config["FILES_FS_CONFIRM"] = True
    storage.configure(app)
    found = findings()["reserved"]
    assert found.level == "warning"
    assert "before it is checked" in found.message
    assert "deny .flask_pyfs" in found.message


@pytest.mark.server
@pytest.mark.parametrize("prefix", ["", "shop/a"])
@pytest.mark.parametrize("denied", [False, True])
def test_a_directory_behind_nginx(denied, prefix, tmp_path, app, configured, findings):
    from servers.nginx import nginx

    area = tmp_path / "nginx"
    area.mkdir()
    rule = r"location ~ /\.flask_pyfs { return 404; }" if denied else ""
    with nginx(area, 1, locations=f"location /media/ {{ alias {tmp_path}/files/{prefix}/; }} {rule}") as server:
        configured("local", ROOT=str(tmp_path / "files"), URL=f"{server.url}/media", PREFIX=prefix)
        found = findings()["reserved"]
    assert found.level == ("ok" if denied else "warning")
    assert denied or ("deny .flask_pyfs" in found.message and "FILES_FS_URL" in found.message)


@pytest.mark.parametrize("is_there", [False, True])
def test_the_password_of_a_url_is_not_shown(is_there, configured, findings):
    with RewritingProxy("127.0.0.1", 1) as proxy:
        proxy.ask = lambda request: Answer(200, answer(200).headers, FIRST)
        host = proxy.url.partition("//")[2] if is_there else "cdn.invalid"
        configured("local", URL=f"http://ann:s3cret@{host}/media")
        found = findings()
    assert found["reserved"].level == ("warning" if is_there else "skipped")
    assert host in found["reserved"].message
    assert not any("s3cret" in each.message for each in found.values())


def test_a_path_needs_a_host(configured, findings):
    configured("local", URL="/media/")
    found = findings()["reserved"]
    assert found.level == "skipped"
    assert "SERVER_NAME" in found.message


def test_a_page_that_shows_something_else_is_no_file(app, configured, findings):
    with RewritingProxy("127.0.0.1", 1) as proxy:
        proxy.ask = lambda request: Answer(200, answer(200).headers, b"<h1>Welcome</h1>")
        configured("local", URL=f"{proxy.url}/media")
        assert findings()["reserved"].level == "ok"
