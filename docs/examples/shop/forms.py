"""The forms of the shop's own pages."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from flask_wtf.file import FileRequired
from wtforms import EmailField, IntegerField, PasswordField, StringField, TextAreaField, ValidationError
from wtforms.validators import InputRequired, Length, NumberRange

from flask_pyfs.wtf import MultipleStorageFileField, StorageFileField, StorageImageField

from .models import Customer, avatars, db, manuals, pictures, videos


class SignInForm(FlaskForm):
    email = EmailField("E-mail", [InputRequired("Enter your e-mail address.")])
    password = PasswordField("Password", [InputRequired("Enter your password.")])


class AccountForm(FlaskForm):
    name = StringField("Name", [InputRequired("Enter your name."), Length(max=80)])
    avatar = StorageImageField(avatars, "Picture of you", description="Others see it beside your name.")


class RegisterForm(AccountForm):
    email = EmailField("E-mail", [InputRequired("Enter your e-mail address."), Length(max=200)])
    password = PasswordField(
        "Password",
        [InputRequired("Choose a password."), Length(8, 200, "The password needs 8 characters at least.")],
        description="At least 8 characters.",
    )

    def validate_email(self, field: Any) -> None:
        if "@" not in field.data:
            raise ValidationError("This is not an e-mail address.")
        if db.session.scalar(db.select(Customer.id).filter_by(email=field.data)):
            raise ValidationError("There is already an account with this address.")


class ProductForm(FlaskForm):
    name = StringField("Name", [InputRequired("Enter a name."), Length(max=80)])
    price = IntegerField("Price in euros", [InputRequired("Enter a price."), NumberRange(0, 1_000_000)])
    description = TextAreaField("Description", [Length(max=2000)])
    picture = StorageImageField(pictures, "Picture")
    manuals = MultipleStorageFileField(
        manuals, "Manuals", description="If you choose some, they take the place of those that are there."
    )


class VideoForm(FlaskForm):
    video = StorageFileField(videos, "Video", [FileRequired("Choose a video.")])


class OrderForm(FlaskForm):
    quantity = IntegerField("Quantity", [InputRequired("Enter a quantity."), NumberRange(1, 99)], default=1)
