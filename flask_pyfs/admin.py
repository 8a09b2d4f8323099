"""Views of Flask-Admin for files of a storage (the extra ``admin``).

.. code-block:: text

   class UserView(StorageModelView, ModelView):
       pass

   admin.add_view(UserView(User, db))
   admin.add_view(StorageAdmin(papers))
"""

from .extras import required_by

with required_by("admin", "flask_admin", "flask_wtf", "wtforms"):
    from .adapters.admin import StorageAdmin, StorageModelView

__all__ = ["StorageAdmin", "StorageModelView"]
