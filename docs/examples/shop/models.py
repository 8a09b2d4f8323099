"""What the shop keeps, and where the files of it are."""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime, timezone

from flask_login import UserMixin
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from werkzeug.security import check_password_hash, generate_password_hash

import flask_pyfs as fs
from flask_pyfs.sqlalchemy import FileType, ImageType, file_column

pictures = fs.Storage("pictures", fs.IMAGES)
manuals = fs.Storage("manuals", ["pdf", "txt"])
videos = fs.Storage("videos", ["mp4", "webm"])
avatars = fs.Storage("avatars", fs.IMAGES)
invoices = fs.Storage("invoices", ["pdf"])


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)


def unique(row: Base) -> str:
    """Name a file, so that a new one can be stored while its row still refers to the old one."""
    return uuid.uuid4().hex


class Product(db.Model):  # type: ignore[name-defined]
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    price: Mapped[int]
    description: Mapped[str] = mapped_column(default="")
    picture = file_column(ImageType(pictures, basename=unique, thumbnails=[320, 640], process="later"))
    manuals = file_column(FileType(manuals, basename=unique, multiple=True))
    video = file_column(FileType(videos, basename=unique))
    orders: Mapped[list[Order]] = relationship(back_populates="product")

    def __str__(self) -> str:
        return self.name


class Customer(UserMixin, db.Model):  # type: ignore[name-defined]
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    is_admin: Mapped[bool] = mapped_column(default=False)
    avatar = file_column(ImageType(avatars, basename=unique, max_size=800, thumbnails=[96, 192]))
    orders: Mapped[list[Order]] = relationship(back_populates="customer", order_by="Order.id.desc()")

    def __str__(self) -> str:
        return self.name

    def _set_password(self, password: str) -> None:
        self.password_hash = generate_password_hash(password)

    password = property(None, _set_password)

    def has_password(self, password: str) -> bool:
        return check_password_hash(self.password_hash, password)


def owner_of(order: Order) -> str:
    return str(order.customer_id)


class Order(db.Model):  # type: ignore[name-defined]
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(unique=True, default=lambda: secrets.token_hex(4).upper())
    ordered_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(timezone.utc))
    quantity: Mapped[int]
    price: Mapped[int]
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    customer: Mapped[Customer] = relationship(back_populates="orders")
    product: Mapped[Product] = relationship(back_populates="orders")
    invoice = file_column(FileType(invoices, upload_to=owner_of, basename=unique))

    def __str__(self) -> str:
        return self.number
