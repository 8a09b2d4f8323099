"""The forms and the administration of the shop in a real browser, as its administrator and a customer use them."""

import importlib
import json

import pytest
from axe import violations
from servers.waitressapp import serving
from shops import MP4, PASSWORD, PDF, new_shop, png

pytestmark = [pytest.mark.browser, pytest.mark.server]

PAGES = ["/", "/products/1", "/products/new", "/products/1/edit", "/products/1/video", "/account", "/nowhere"]
SEEN = "document.body?.innerText?"


@pytest.fixture
def files(tmp_path):
    """Return a function that makes a file to upload."""

    def make(name, content):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return make


def fill(page, **fields):
    for name, value in fields.items():
        page.evaluate(f"document.querySelector('[name={name}]').value = {json.dumps(value)}")


def send(page, said, button="main form button"):
    page.evaluate(f"document.querySelector({button!r}).click()")
    page.wait_for(f"document.readyState == 'complete' && {SEEN}.includes({json.dumps(said)})")


def look(page, width, scheme):
    """Show the page with a width and a colour scheme, and return what keeps people out of it."""
    page.command("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500)
    page.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    too_wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return [*violations(page), *(["the page scrolls to the side"] if too_wide else [])]


def test_the_forms_and_the_administration(page, files, tmp_path, soak):
    app = new_shop(tmp_path / "instance")
    models = importlib.import_module("shop.models")
    with serving(app) as served:
        page.open(f"{served.url}/register")
        assert look(page, 390, "light") == []
        fill(page, name="Zoë", email="zoe@example.com", password="short")
        page.choose_files("[name=avatar]", files("me.png", b"MZ" + bytes(99)))
        send(page, "This was not saved. 2 answers need your attention.")
        assert look(page, 390, "dark") == []
        # a screen reader says the reason with the field
        described = "document.getElementById(document.querySelector('[name=avatar]').getAttribute('aria-describedby'"
        assert "not what its name says" in page.evaluate(f"{described}).split(' ').at(-1)).innerText")
        page.choose_files("[name=avatar]", files("me.png", png()))
        fill(page, password=PASSWORD)
        send(page, "Welcome, Zoë.")
        page.wait_for("document.querySelector('header img')?.naturalWidth")

        page.open(f"{served.url}/products/1")
        send(page, "Your order has the number", "form.order button")
        assert look(page, 390, "light") == []
        page.evaluate("document.querySelector('header form button').click()")
        page.wait_for(f"{SEEN}.includes('Sign in')")

        page.open(f"{served.url}/sign-in")
        assert look(page, 1280, "dark") == []
        fill(page, email="ada@example.com", password=PASSWORD)
        send(page, "Administration")
        page.open(f"{served.url}/products/new")
        page.choose_files("[name=picture]", files("lamp.png", png("orange")))
        page.choose_files("[name=manuals]", files("a.pdf", PDF), files("b.txt", b"Warm light"))
        fill(page, name="Lamp", price="129", description="Warm light.")
        send(page, "“Lamp” was saved.")
        page.wait_for("document.querySelector('.product img')?.naturalWidth == 900")

        page.open(f"{served.url}/products/2/video")
        page.choose_files("[name=video]", files("tool.exe", b"MZ"))
        send(page, "Only mp4 and webm files are accepted.")
        assert look(page, 1280, "light") == []
        page.choose_files("[name=video]", files("Tea time.mp4", MP4))
        page.connect(offline=True)
        send(page, "The server did not answer. Try again.")
        page.connect()
        send(page, "The video was saved.")

        looks = [(390, "dark"), (1280, "light")]
        for number, path in enumerate(PAGES):
            page.open(f"{served.url}{path}")
            # in turns, as a look takes half a second
            for width, scheme in looks if soak else [looks[number % 2]]:
                assert look(page, width, scheme) == [], path

        page.open(f"{served.url}/admin/product/")
        page.wait_for("document.querySelector('table img')?.naturalWidth")
        page.open(f"{served.url}/admin/product/edit/?id=2")
        page.choose_files("[name=picture]", files("other.png", png("navy", (300, 300))))
        send(page, "Record was successfully saved.", "form [type=submit]")
        page.open(f"{served.url}/products/2")
        page.wait_for("document.querySelector('.product img')?.naturalWidth == 300")

    with app.app_context():
        lamp = models.db.session.get(models.Product, 2)
        assert (lamp.video.original_name, lamp.video.read()) == ("Tea time.mp4", MP4)
        assert [manual.original_name for manual in lamp.manuals] == ["a.pdf", "b.txt"]
        assert sorted(models.pictures.list_files()) == sorted(lamp.picture.filenames)
