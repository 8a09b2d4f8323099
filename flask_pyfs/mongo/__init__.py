"""Fields for mongoengine (the extra ``mongo``), which read and write the documents of Flask-FS.

.. code-block:: text

   class User(Document):
       avatar = ImageField(fs=avatars, thumbnails=[100, 200])

   user.avatar.save(request.files["avatar"])
   user.save()
"""

from ..extras import required_by
from ..fields.file import FileReference
from ..fields.image import ImageReference
from ..fields.rerendering import Rerendered

with required_by("mongo", "mongoengine", "pymongo", "bson"):
    from .assigned import listen
    from .fields import FileField, ImageField
    from .rerendering import rerender
    from .undoing import undoing

listen()

__all__ = ["FileField", "FileReference", "ImageField", "ImageReference", "Rerendered", "rerender", "undoing"]
