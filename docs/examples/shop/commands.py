"""The command that fills a new shop."""

from __future__ import annotations

import io
import secrets

import click
import flask_migrate
from flask.cli import with_appcontext
from PIL import Image, ImageDraw
from werkzeug.datastructures import FileStorage

from .invoices import make_pdf
from .models import Customer, Product, db

PRODUCTS = {
    "Teapot": (48, "#0f6157", "It holds a litre, and does not drip."),
    "Reading lamp": (129, "#b4541a", "Warm light for long evenings."),
    "Alarm clock": (35, "#3d4f9f", "It is silent until it is not."),
    "Desk chair": (310, "#7a2e52", "Your back will thank you."),
}
CUSTOMERS = {"Ada": ("ada@example.com", True), "Ben": ("ben@example.com", False)}


@click.command("setup")
@with_appcontext
def setup() -> None:
    """Create the tables, and in a new shop some products and two customers."""
    flask_migrate.upgrade()
    if db.session.scalar(db.select(Customer.id).limit(1)):
        return
    for name, (price, colour, description) in PRODUCTS.items():
        product = Product(name=name, price=price, description=description)
        product.picture = draw(name, colour)
        product.manuals = [FileStorage(io.BytesIO(make_pdf(f"How to use your {name.lower()}")), f"{name}.pdf")]
        db.session.add(product)
    for name, (email, is_admin) in CUSTOMERS.items():
        password = secrets.token_urlsafe(9)
        db.session.add(Customer(name=name, email=email, is_admin=is_admin, password=password))
        click.echo(f"{email} has the password {password}" + (" and is the administrator" if is_admin else ""))
    db.session.commit()


def draw(name: str, colour: str) -> FileStorage:
    image = Image.new("RGB", (1200, 1200), "#efe9df")
    drawing = ImageDraw.Draw(image)
    drawing.ellipse((200, 200, 1000, 1000), fill=colour)
    drawing.text((600, 600), name[0], fill="white", anchor="mm", font_size=480)
    file = io.BytesIO()
    image.save(file, "PNG")
    file.seek(0)
    return FileStorage(file, f"{name}.png")
