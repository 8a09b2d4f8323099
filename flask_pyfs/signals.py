"""What a storage tells its listeners (blinker signals).

Each is sent with the :class:`~flask_pyfs.Storage` as its sender and the name of the file as ``filename``.
"""

from blinker import Namespace

__all__ = ["before_display", "file_deleted", "file_uploaded", "ns"]

ns = Namespace()

#: A file was stored by ``save`` or ``write``.
file_uploaded = ns.signal("file-uploaded")

#: A file, or everything below a directory, was deleted.
file_deleted = ns.signal("file-deleted")

#: A file is about to be served over HTTP.
before_display = ns.signal("before-display")
