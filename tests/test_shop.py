"""The shop of the documentation: all that its customers and its administrator do, and what it refuses."""

import html
import importlib
import re
import subprocess
import sys

import pytest
from shops import EXAMPLES, MP4, PASSWORD, PDF, SHOP, Visitor, file, new_shop, png
from sqlalchemy.exc import IntegrityError

GLUE = re.compile(r"# glue: (\w+(?: \w+)*)(, import|, decorator)?")
MOST = {"private": 5, "thumbnails": 3, "admin": 6, "direct uploads": 1}


@pytest.fixture
def app(tmp_path, monkeypatch):
    monkeypatch.setenv("FLASK_MANUALS_FS_MAX_SIZE", "100 kB")
    app = new_shop(tmp_path / "instance")
    app.testing = True
    return app


@pytest.fixture
def models(app):
    return importlib.import_module("shop.models")


@pytest.fixture
def inside(app):
    """Make a context of the app. While a test is in one, requests would share its session of the database."""
    return app.app_context


class People:
    """The visitors of a shop, by their names. They sign in when a test needs them; anybody does not."""

    def __init__(self, app):
        self._app = app

    def __getattr__(self, name):
        visitor = Visitor(self._app)
        setattr(self, name, visitor)
        return visitor if name == "anybody" else visitor.sign_in(f"{name}@example.com")


@pytest.fixture
def people(app):
    return People(app)


def rows(models, model):
    return list(models.db.session.scalars(models.db.select(model).order_by(model.id)))


@pytest.fixture
def names(models, inside):
    """Return the names of the files in all storages."""

    def names():
        storages = (models.pictures, models.manuals, models.videos, models.avatars, models.invoices)
        with inside():
            return [name for storage in storages for name in storage.list_files()]

    return names


@pytest.fixture
def count(models, inside):
    """Return how many rows there are of a model."""

    def count(model):
        with inside():
            return len(rows(models, model))

    return count


def urls(page, part):
    """Return the URLs on a page that contain a text."""
    found = (html.unescape(url).split(" ")[0] for url in re.findall(r'(?:href|src|srcset)="([^"]*)"', page))
    return [url for url in found if part in url]


def test_the_pages_of_an_empty_account(people):
    assert "Teapot" in people.anybody.text("/")
    assert "to order" in people.anybody.text("/products/1")
    assert "You have not ordered anything yet." in people.ben.text("/account")
    assert people.anybody.get("/products/99").status_code == 404


# a product with a picture and manuals


def new_product(admin, **fields):
    return admin.post("/products/new", **{"name": "Lamp", "price": "129", "description": "", **fields})


def test_a_product_has_a_picture_with_thumbnails_and_a_list_of_manuals(people, models, inside):
    manuals = [file(PDF, "How to use.pdf"), file(b"Warm light", "Licht.txt")]
    response = new_product(people.ada, picture=file(png(), "my lamp.png"), manuals=manuals)
    assert "“Lamp” was saved." in response.text
    with inside():
        _, lamp = rows(models, models.Product)
        assert [manual.original_name for manual in lamp.manuals] == ["How to use.pdf", "Licht.txt"]
        assert lamp.picture.original_name == "my lamp.png"
        # rendered by the task after the commit
        assert lamp.picture.state is None
        assert sorted(lamp.picture.thumbnails) == ["320", "640"]

    page = people.anybody.text("/products/2")
    assert people.anybody.get(urls(page, "/pictures/")[0]).data == png()
    sent = [people.anybody.get(url) for url in urls(page, "/manuals/")]
    assert [answer.data for answer in sent] == [PDF, b"Warm light"]
    assert (
        "How%20to%20use.pdf" in sent[0].headers["Content-Disposition"]
        or "How to use.pdf" in (sent[0].headers["Content-Disposition"])
    )
    assert all(people.anybody.get(url).status_code == 200 for url in urls(people.anybody.text("/"), "/pictures/"))


def test_a_new_picture_replaces_the_old_one_with_its_thumbnails(people, names):
    new_product(people.ada, picture=file(png("teal"), "a.png"))
    before = set(names())
    assert len(before) == 3
    people.ada.post("/products/2/edit", name="Lamp", price="1", picture=file(png("navy"), "b.png"))
    after = set(names())
    assert len(after) == 3
    assert not before & after


def test_a_form_without_files_leaves_those_that_are_there(people, models, names, inside):
    new_product(people.ada, picture=file(png(), "a.png"), manuals=[file(PDF, "a.pdf")])
    before = names()
    people.ada.post("/products/2/edit", name="Floor lamp", price="2")
    with inside():
        _, lamp = rows(models, models.Product)
        assert (lamp.name, bool(lamp.picture), len(lamp.manuals)) == ("Floor lamp", True, 1)
    assert names() == before


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"picture": file(b"MZ" + bytes(99), "a.png")}, "its content is not that of a png file"),
        ({"picture": file(png()[:900], "a.png")}, "The image is damaged, or incomplete."),
        ({"picture": file(PDF, "a.pdf")}, "Only jpg, jpe, jpeg, png, gif, svg, bmp, webp and avif files are accepted."),
        ({"manuals": [file(PDF, "a.pdf"), file(b"MZ", "b.exe")]}, "Only pdf and txt files are accepted."),
        ({"manuals": [file(bytes(101_000), "a.pdf")]}, "it may have 100 kB at most"),
    ],
    ids=["another type", "cut off", "extension", "one of several", "too large"],
)
def test_a_file_that_is_not_taken(people, models, fields, said, names, count):
    response = new_product(people.ada, **{key: fresh(value) for key, value in fields.items()})
    assert response.status_code == 422
    assert said in html.unescape(response.text)
    assert 'aria-invalid="true"' in response.text
    assert count(models.Product) == 1
    assert names() == []


def fresh(value):
    """Return the upload of a table anew: the client closes what it sends."""
    if isinstance(value, list):
        return [fresh(one) for one in value]
    return file(value[0].getvalue(), value[1])


def test_nothing_is_stored_if_another_field_is_not_valid(people, names):
    response = new_product(people.ada, name="", picture=file(png(), "a.png"), manuals=[file(PDF, "a.pdf")])
    assert response.status_code == 422
    assert "Enter a name." in response.text
    assert "This was not saved. One answer needs your attention." in response.text
    assert names() == []


def test_each_problem_is_bound_to_its_field(people):
    page = new_product(people.ada, name="").text
    assert re.search(r'<input[^>]* aria-describedby="name-error" aria-invalid="true"[^>]* id="name"', page)
    assert '<p class="problem" id="name-error">Enter a name.</p>' in page


def test_a_request_that_is_too_large_gets_a_page(app, people, names):
    app.config["MAX_CONTENT_LENGTH"] = 100_000
    response = people.ada.client.post("/products/new", data={"picture": file(bytes(200_000), "a.png")})
    assert response.status_code == 413
    assert "<h1>Request Entity Too Large</h1>" in response.text
    assert names() == []


@pytest.mark.parametrize("path", ["/products/new", "/products/1/edit", "/products/1/video"])
def test_only_the_administrator_changes_products(people, path):
    assert people.ben.get(path).status_code == 403
    answer = people.anybody.get(path)
    assert (answer.status_code, answer.location.partition("?")[0]) == (302, "/sign-in")


def test_a_form_without_its_token_is_refused(people, models, count):
    response = people.ada.client.post("/products/new", data={"name": "Lamp", "price": 1})
    assert response.status_code == 400
    assert count(models.Product) == 1


# customers with avatars


def register(visitor, **fields):
    data = {"name": "Zoë", "email": "zoe@example.com", "password": PASSWORD, **fields}
    return visitor.post("/register", **data)


def test_a_customer_registers_with_an_avatar(people, models, inside):
    response = register(people.anybody, avatar=file(png(), "me.png"))
    assert "Welcome, Zoë." in response.text
    with inside():
        zoe = rows(models, models.Customer)[-1]
        assert (zoe.avatar.original_name, zoe.avatar.width) == ("me.png", 800)
    [url] = urls(response.text, "/avatars/")
    assert people.anybody.get(url).status_code == 200


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": ""}, "Enter your name."),
        ({"password": "short"}, "at least 8 characters"),
        ({"email": "nowhere"}, "This is not an e-mail address."),
        ({"email": "ben@example.com"}, "There is already an account with this address."),
    ],
)
def test_a_registration_that_is_refused_stores_no_avatar(people, fields, said, names):
    response = register(people.anybody, avatar=file(png(), "me.png"), **fields)
    assert response.status_code == 422
    assert said.lower() in response.text.lower()
    assert names() == []


def test_a_registration_that_the_database_refuses_leaves_no_avatar(people, monkeypatch, names):
    # as if another request took the address between the check and the commit
    forms = importlib.import_module("shop.forms")
    monkeypatch.setattr(forms.RegisterForm, "validate_email", lambda form, field: None)
    with pytest.raises(IntegrityError):
        register(people.anybody, email="ben@example.com", avatar=file(png(), "me.png"))
    assert names() == []


def test_a_customer_changes_the_avatar(people, models, inside):
    for colour in ("teal", "navy"):
        people.ben.post("/account", name="Benjamin", avatar=file(png(colour), "me.png"))
    with inside():
        ben = rows(models, models.Customer)[1]
        assert ben.name == "Benjamin"
        assert sorted(models.avatars.list_files()) == sorted(ben.avatar.filenames)


def test_signing_in_and_out(people):
    wrong = people.anybody.post("/sign-in", email="ben@example.com", password="wrong")
    assert "The address or the password is wrong." in wrong.text
    assert people.anybody.get("/account").status_code == 302
    assert "Your account" in people.anybody.post("/sign-in", email="ben@example.com", password=PASSWORD).text
    people.anybody.post("/sign-out", form="/account")
    assert people.anybody.get("/account").status_code == 302


# orders with private invoices


def test_an_invoice_is_for_its_owner_and_the_administrator(people, models, inside):
    response = people.ben.post("/products/1", quantity="3")
    with inside():
        [order] = rows(models, models.Order)
    assert f"Your order has the number {order.number}." in response.text
    [url] = urls(response.text, "/invoices/")
    for person, status in [("ben", 200), ("ada", 200), ("eve", 403), ("anybody", 403)]:
        answer = getattr(people, person).get(url)
        assert answer.status_code == status, person
        assert answer.data.startswith(b"%PDF-") == (status == 200)
    sent = people.ben.get(url)
    assert b"Total: 144 EUR" in sent.data
    assert f"Invoice {order.number}.pdf" in sent.headers["Content-Disposition"]
    assert "private" in sent.headers["Cache-Control"] or sent.headers["Cache-Control"] == "no-cache"


def test_an_invoice_of_another_customer_has_no_other_name(people, names):
    people.ben.post("/products/1", quantity="1")
    [name] = names()
    for spelling in (name, name.upper(), f"./{name}", f"3/../{name}", f"/{name}", name.replace("/", "//")):
        assert people.eve.get(f"/invoices/{spelling}").status_code in (301, 308, 403, 404), spelling
        assert not people.eve.client.get(f"/invoices/{spelling}", follow_redirects=True).data.startswith(b"%PDF")


def test_an_order_that_is_not_valid(people, models, names, count):
    assert people.ben.post("/products/1", quantity="0").status_code == 422
    assert count(models.Order) == 0
    assert names() == []


def test_an_order_that_fails_leaves_no_invoice(people, models, monkeypatch, names, count):
    def fail(*args):
        raise RuntimeError("the order cannot be stored")

    monkeypatch.setattr(models.db.session, "commit", fail)
    with pytest.raises(RuntimeError):
        people.ben.post("/products/1", quantity="1")
    monkeypatch.undo()
    assert count(models.Order) == 0
    assert names() == []


def test_the_invoices_are_pdf(app):
    pdf = importlib.import_module("shop.invoices").make_pdf("a (b) \\ c", "Zoë")
    assert rb"(a \(b\) \\ c) Tj" in pdf
    for number, line in enumerate(pdf[pdf.index(b"xref\n") :].splitlines()[3:8], 1):
        assert pdf[int(line.split()[0]) :].startswith(b"%d 0 obj" % number)


# videos by direct upload


def start(visitor, name):
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', visitor.text("/products/1/video"))
    assert found is not None
    headers = {"X-CSRFToken": found[1], "Accept": "application/json"}
    return visitor.client.post("/products/1/video/start", data={"name": name}, headers=headers), headers


def test_a_video_goes_to_the_store_and_then_to_its_product(people, models, inside):
    answer, headers = start(people.ada, "Tea time.mp4")
    target = answer.json
    form = {**target["fields"], "file": file(MP4, "any name")}
    # the store knows neither the cookie nor the token of the page
    assert people.anybody.client.post(target["url"], data=form).status_code == 201
    assert people.ada.client.post("/products/1/video/done", headers=headers).json == {"next": "/products/1"}
    with inside():
        [teapot] = rows(models, models.Product)
        assert (teapot.video.original_name, teapot.video.read()) == ("Tea time.mp4", MP4)
    page = people.anybody.text("/products/1")
    assert people.anybody.get(urls(page, "/videos/")[0]).data == MP4
    # the page has said once that it is done
    assert people.ada.client.post("/products/1/video/done", headers=headers).status_code == 409


def test_a_video_that_is_not_taken(people, names):
    answer, _ = start(people.ada, "tool.exe")
    assert answer.status_code == 415
    assert answer.json["description"] == "Only mp4 and webm files are accepted."
    assert people.ben.get("/products/1/video").status_code == 403
    assert names() == []


def test_a_video_that_never_arrived(people, models, inside):
    _, headers = start(people.ada, "a.mp4")
    assert people.ada.client.post("/products/1/video/done", headers=headers).status_code == 409
    with inside():
        [teapot] = rows(models, models.Product)
        assert not teapot.video


def test_a_video_without_a_script(people, models, inside):
    assert "Choose a video." in people.ada.post("/products/1/video").text
    assert "The video was saved." in people.ada.post("/products/1/video", video=file(MP4, "a.mp4")).text
    with inside():
        [teapot] = rows(models, models.Product)
        assert teapot.video.read() == MP4


def test_two_products_have_videos_of_the_same_name(people, models, inside):
    new_product(people.ada)
    for key, content in [(1, b"first"), (2, b"second"), (1, b"third")]:
        answer = people.ada.post(f"/products/{key}/video", video=file(MP4 + content, "film.mp4"))
        assert "The video was saved." in answer.text
    with inside():
        teapot, lamp = rows(models, models.Product)
        assert (teapot.video.read(), lamp.video.read()) == (MP4 + b"third", MP4 + b"second")
        assert teapot.video.original_name == lamp.video.original_name == "film.mp4"
        assert sorted(models.videos.list_files()) == sorted([teapot.video.filename, lamp.video.filename])


# the administration


@pytest.mark.parametrize(
    "path", ["/admin/", "/admin/product/", "/admin/customer/", "/admin/order/", "/admin/manual_files/"]
)
def test_the_administration_is_for_the_administrator(people, path):
    assert people.ada.get(path).status_code == 200
    assert people.ben.get(path).status_code == 403
    assert people.anybody.get(path).status_code == 403


def test_the_administrator_edits_a_product(people, models, names, inside):
    picture, manuals = file(png(), "a.png"), [file(PDF, "a.pdf")]
    people.ada.post("/admin/product/new/", name="Lamp", price="129", picture=picture, manuals=manuals)
    with inside():
        _, lamp = rows(models, models.Product)
        assert lamp.picture.original_name == "a.png"
        assert [manual.original_name for manual in lamp.manuals] == ["a.pdf"]
    page = people.ada.text("/admin/product/")
    assert all(people.ada.get(url).status_code == 200 for url in urls(page, "/pictures/"))
    assert urls(page, "/manuals/")

    refused = people.ada.post("/admin/product/edit/?id=2", name="Lamp", price="1", picture=file(b"MZ", "b.png"))
    assert "its content is not that of a png file" in html.unescape(refused.text)
    people.ada.post("/admin/product/delete/", form="/admin/product/", id="2")
    assert names() == []


def test_the_administrator_sees_the_files_of_the_manuals(people, models, inside):
    with inside():
        models.manuals.write("care.txt", "Rinse it.")
    assert "care.txt" in people.ada.text("/admin/manual_files/")


def test_the_password_is_no_column_of_the_administration(people):
    assert "scrypt" not in people.ada.text("/admin/customer/")
    assert "password" not in people.ada.text("/admin/customer/edit/?id=2").lower()


# migrations, the command, the glue


# in a process of its own, because the file of Alembic configures the log
SET_UP = """
import sys, flask_migrate, shop
app = shop.create_app(sys.argv[1])
print(app.test_cli_runner().invoke(args=["setup"], catch_exceptions=False).output)
with app.app_context():
    flask_migrate.check()
print("a second time:", app.test_cli_runner().invoke(args=["setup"], catch_exceptions=False).output)
"""


@pytest.mark.slow
def test_the_command_makes_the_tables_of_the_models_and_fills_them(tmp_path):
    instance = tmp_path / "instance"
    argv = [sys.executable, "-c", SET_UP, str(instance)]
    said = subprocess.run(argv, cwd=EXAMPLES, check=True, stdout=subprocess.PIPE, text=True).stdout
    once, _, again = said.partition("a second time:")
    assert re.search(r"^ada@example.com has the password \S+ and is the administrator$", once, re.MULTILINE)
    assert "password" not in again
    app = importlib.import_module("shop").create_app(str(instance))
    models = importlib.import_module("shop.models")
    with app.app_context():
        products = rows(models, models.Product)
        assert [product.name for product in products] == ["Teapot", "Reading lamp", "Alarm clock", "Desk chair"]
        assert all(product.picture.state is None and len(product.manuals) == 1 for product in products)
    assert len(urls(Visitor(app).text("/"), "/pictures/")) == 8


def test_the_migrations_need_no_storage():
    found = list((SHOP / "migrations" / "versions").glob("*.py"))
    assert found
    for migration in found:
        assert "flask_pyfs" not in migration.read_text(encoding="utf-8")


def glue():
    """Return the groups of the marked lines of the shop: those of the code, and those that import or decorate."""
    lines, others = [], []
    for source in sorted(SHOP.rglob("*.py")):
        for group, kind in GLUE.findall(source.read_text(encoding="utf-8")):
            (others if kind else lines).append(group)
    return lines, others


def test_the_glue_is_as_little_as_promised():
    lines, others = glue()
    assert {group: lines.count(group) for group in MOST if lines.count(group) > MOST[group]} == {}
    assert set(lines) | set(others) <= set(MOST)
    assert len(lines) + len(others) <= 20


def test_the_page_counts_the_glue_as_it_is():
    lines, others = glue()
    page = (EXAMPLES.parent / "shop.rst").read_text(encoding="utf-8")
    for group in MOST:
        [shown] = re.findall(rf"^   \* - {group}\n     - (\d+)\n     - (\d+)$", page, re.MULTILINE)
        assert (int(shown[0]), int(shown[1])) == (lines.count(group), others.count(group)), group
    assert f"{len(lines)} lines and {len(others)} others" in page
