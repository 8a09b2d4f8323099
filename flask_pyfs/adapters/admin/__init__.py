"""Views of Flask-Admin: the files of a storage, and models with files."""

from .models import StorageModelView
from .views import StorageAdmin

__all__ = ["StorageAdmin", "StorageModelView"]
