"""Fields of Flask-WTF for files of a storage (the extra ``wtf``).

.. code-block:: text

   class ProfileForm(FlaskForm):
       avatar = StorageImageField(avatars, "Your photo")
"""

from .extras import required_by

with required_by("wtf", "flask_wtf", "wtforms"):
    from .adapters.wtf import (
        MultipleStorageFileField,
        MultipleStorageImageField,
        StorageFileField,
        StorageImageField,
    )

__all__ = ["MultipleStorageFileField", "MultipleStorageImageField", "StorageFileField", "StorageImageField"]
