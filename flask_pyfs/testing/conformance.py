"""Tests of what every backend must do."""

from __future__ import annotations

from .contents import Contents
from .copies import Copies
from .listings import Listings
from .naming import Names
from .serving import Serving
from .uploads import Uploads
from .versions import Versions

__all__ = ["StorageConformance"]


class StorageConformance(Contents, Uploads, Copies, Versions, Listings, Names, Serving):
    """Tests of what every backend must do. Subclass it and define a pytest fixture ``storage``.

    The fixture returns an empty :class:`~flask_pyfs.Storage` that accepts all extensions (``fs.ALL``), configured on an
    app whose context is active. Set the attributes below if a backend guarantees less.

    .. code-block:: text

       class TestTape(StorageConformance):
           exclusive_create = False

           @pytest.fixture
           def storage(self, tmp_path):
               app = flask.Flask("tests", instance_path=str(tmp_path))
               app.config.update(FILES_FS_BACKEND="tape", FS_SERVE=True)
               files = fs.Storage("files", fs.ALL)
               fs.init_app(app, files)
               with app.app_context():
                   yield files
    """

    #: Whether exactly one of several simultaneous writers creates a file.
    exclusive_create = True

    #: Whether a file cannot be stored below another file or in place of a directory.
    has_directories = True

    #: Whether the files remain after their filesystem is closed. False for filesystems that keep them in memory.
    outlives_close = True

    #: Whether two writes of the same content make different versions. False for filesystems that know only the size and
    #: a coarse time of a file.
    distinct_versions = True

    #: The accepted checksums of ``b"content"``.
    checksums: tuple[str | None, ...] = (
        "sha1:040f06fd774092478d450774f5ba30c5da78acc8",
        "md5:9a0364b9e99bb480dd25e1f0284c8555",
    )

    #: Unusual names that the backend must accept.
    odd_names: frozenset[str] = frozenset(
        {"with space.txt", "per%20cent", "q?u=e&r#y", "ünï/çödé.txt", "日本.txt", "a+b", "a;b", ".hidden"}
    )
