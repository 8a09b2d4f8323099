"""The pages of the administrator, by Flask-Admin."""

from __future__ import annotations

from flask_admin import Admin, AdminIndexView
from flask_admin.contrib.sqla import ModelView
from flask_admin.menu import MenuLink
from flask_admin.theme import Bootstrap4Theme
from flask_login import current_user
from flask_wtf import FlaskForm

from flask_pyfs.admin import StorageAdmin, StorageModelView  # glue: admin, import

from .models import Customer, Order, Product, db, manuals


class AdminsOnly:
    form_base_class = FlaskForm  # has the token of CSRFProtect

    def is_accessible(self) -> bool:
        return bool(current_user.is_admin)


class HomeView(AdminsOnly, AdminIndexView):
    pass


class TableView(AdminsOnly, StorageModelView, ModelView):  # glue: admin
    pass


class ProductView(TableView):
    column_list = ("picture", "name", "price", "manuals", "video")
    form_columns = ("name", "price", "description", "picture", "manuals")


class CustomerView(TableView):
    can_create = False
    column_list = ("avatar", "name", "email", "is_admin")
    form_columns = ("name", "email", "is_admin", "avatar")


class OrderView(TableView):
    can_create = False
    can_edit = False
    column_list = ("number", "ordered_at", "customer", "product", "quantity", "price", "invoice")
    column_default_sort = ("ordered_at", True)


class ManualsView(AdminsOnly, StorageAdmin):  # glue: admin
    pass


admin = Admin(name="Shop", index_view=HomeView(), theme=Bootstrap4Theme(fluid=True))
admin.add_view(ProductView(Product, db))
admin.add_view(CustomerView(Customer, db))
admin.add_view(OrderView(Order, db))
admin.add_view(ManualsView(manuals, name="Manuals", endpoint="manual_files"))
admin.add_link(MenuLink(name="To the shop", endpoint="shop.index"))
