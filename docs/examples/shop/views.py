"""The pages of the shop."""

from __future__ import annotations

import dataclasses
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, session, url_for
from flask_login import current_user, login_required, login_user, logout_user

from flask_pyfs.uploads import client_name

from .access import admins_only
from .forms import AccountForm, OrderForm, ProductForm, RegisterForm, SignInForm, VideoForm
from .invoices import make_invoice
from .models import Customer, Order, Product, db, videos

UPLOAD_SECONDS = 60 * 60

shop = Blueprint("shop", __name__)


@shop.get("/")
def index() -> str:
    return render_template("shop/index.html", products=db.session.scalars(db.select(Product).order_by(Product.name)))


@shop.route("/products/<int:key>", methods=["GET", "POST"])
def product(key: int) -> Any:
    shown = db.get_or_404(Product, key)
    form = OrderForm()
    if form.is_submitted() and not current_user.is_authenticated:
        return redirect(url_for("shop.sign_in"), 303)
    if not form.validate_on_submit():
        return page("shop/product.html", form, product=shown)
    order = Order(product_id=key, customer_id=current_user.id, price=shown.price)
    form.populate_obj(order)
    db.session.add(order)
    db.session.flush()  # gives the order its number
    order.invoice = make_invoice(order)
    db.session.commit()
    return done(f"Thank you. Your order has the number {order.number}.", "shop.account")


@shop.route("/products/new", methods=["GET", "POST"])
@admins_only
def new_product() -> Any:
    return edit(Product(), "New product")


@shop.route("/products/<int:key>/edit", methods=["GET", "POST"])
@admins_only
def edit_product(key: int) -> Any:
    shown = db.get_or_404(Product, key)
    return edit(shown, f"Edit {shown.name}")


def edit(shown: Product, title: str) -> Any:
    form = ProductForm(obj=shown)
    if not form.validate_on_submit():
        return page("shop/form.html", form, title=title, button="Save", product=shown)
    form.populate_obj(shown)
    db.session.add(shown)
    db.session.commit()
    return done(f"“{shown.name}” was saved.", "shop.product", key=shown.id)


@shop.route("/products/<int:key>/video", methods=["GET", "POST"])
@admins_only
def video(key: int) -> Any:
    """Take a video through the app, if the page has no script."""
    shown = db.get_or_404(Product, key)
    form = VideoForm()
    if not form.validate_on_submit():
        return page("shop/video.html", form, product=shown)
    form.populate_obj(shown)
    db.session.commit()
    return done("The video was saved.", "shop.product", key=key)


@shop.post("/products/<int:key>/video/start")
@admins_only
def start_video(key: int) -> Any:
    """Tell the page's script where to send a video: to the store itself, if it accepts uploads."""
    asked = request.form.get("name", "")
    target = videos.upload_url(client_name(asked), expires=UPLOAD_SECONDS, original_name=asked)
    # the client may not name another file when it is done
    session["video"] = {"filename": target.name, "original_name": target.original_name}
    return dataclasses.asdict(target)


@shop.post("/products/<int:key>/video/done")
@admins_only
def finish_video(key: int) -> Any:
    shown = db.get_or_404(Product, key)
    sent = session.pop("video", None)
    if sent is None or not videos.exists(sent["filename"]):
        abort(409, "The video has not arrived. Send it again.")
    shown.video = sent
    db.session.commit()
    flash("The video was saved.", "success")
    return {"next": url_for("shop.product", key=key)}


@shop.route("/register", methods=["GET", "POST"])
def register() -> Any:
    form = RegisterForm()
    if not form.validate_on_submit():
        return page("shop/form.html", form, title="Register", button="Register")
    customer = Customer()
    form.populate_obj(customer)
    db.session.add(customer)
    db.session.commit()
    login_user(customer)
    return done(f"Welcome, {customer.name}.", "shop.index")


@shop.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> Any:
    form = SignInForm()
    if form.validate_on_submit():
        customer = db.session.scalar(db.select(Customer).filter_by(email=form.email.data))
        if customer is not None and customer.has_password(form.password.data):
            login_user(customer)
            return redirect(session.pop("next", None) or url_for("shop.index"), 303)
        form.password.errors = ["The address or the password is wrong."]
    return page("shop/form.html", form, title="Sign in", button="Sign in")


@shop.post("/sign-out")
def sign_out() -> Any:
    logout_user()
    return redirect(url_for("shop.index"), 303)


@shop.route("/account", methods=["GET", "POST"])
@login_required
def account() -> Any:
    form = AccountForm(obj=current_user)
    if not form.validate_on_submit():
        return page("shop/account.html", form)
    form.populate_obj(current_user)
    db.session.commit()
    return done("Your account was saved.", "shop.account")


def page(template: str, form: Any, **values: Any) -> tuple[str, int]:
    return render_template(template, form=form, **values), 422 if form.errors else 200


def done(message: str, endpoint: str, **values: Any) -> Any:
    flash(message, "success")
    return redirect(url_for(endpoint, **values), 303)
