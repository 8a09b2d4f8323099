"""The settings of Flask-FS, flask-fs2 and flask-storage, and what each of them does here."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["NO_EFFECT", "SETTINGS", "USED", "WITHOUT_EFFECT", "PeerSetting"]

#: It does what it did, under the same name or under ``option``.
USED = "used"
#: Any value is accepted, and changes nothing.
NO_EFFECT = "no effect"

_FLASK_FS = "Flask-FS"
_FLASK_FS2 = "flask-fs2"
_FLASK_STORAGE = "flask-storage"
_ALL = (_FLASK_FS, _FLASK_FS2, _FLASK_STORAGE)
_NOT_STORAGE = (_FLASK_FS, _FLASK_FS2)


@dataclass(frozen=True)
class PeerSetting:
    """A setting that one of these packages reads.

    :param name: the KEY.
    :param packages: the packages that read it.
    :param backend: the backend that reads it, None for any.
    :param effect: :data:`USED` or :data:`NO_EFFECT`.
    :param option: the option that it sets, if that has another name.
    """

    name: str
    packages: tuple[str, ...]
    backend: str | None = None
    effect: str = USED
    option: str | None = None


#: Of Flask-FS 0.6.1, flask-fs2 0.8.2, flask-storage 2.1.2, and of the releases before them.
SETTINGS: tuple[PeerSetting, ...] = (
    PeerSetting("BACKEND", _ALL),
    PeerSetting("URL", _ALL),
    PeerSetting("SERVE", _ALL),
    PeerSetting("PREFIX", _ALL),
    PeerSetting("ALLOW", _ALL),
    PeerSetting("DENY", _ALL),
    PeerSetting("IMAGES_OPTIMIZE", _ALL),
    PeerSetting("CREATE_STORAGE", (_FLASK_FS2,), effect=NO_EFFECT),
    PeerSetting("AES256_ENCRYPTED", (_FLASK_FS2,)),
    PeerSetting("AES256_KEY", (_FLASK_FS2,)),
    PeerSetting("ROOT", _ALL, "local"),
    PeerSetting("ENDPOINT", _ALL, "s3"),
    PeerSetting("REGION", _ALL, "s3"),
    PeerSetting("ACCESS_KEY", _ALL, "s3"),
    PeerSetting("SECRET_KEY", _ALL, "s3"),
    PeerSetting("CREATE_BUCKET", (_FLASK_FS2, _FLASK_STORAGE), "s3"),
    PeerSetting("BUCKET_NAME", (_FLASK_STORAGE,), "s3", option="BUCKET"),
    PeerSetting("OBJECT_ACL", (_FLASK_STORAGE,), "s3", option="ACL"),
    PeerSetting("OBJECT_STORAGE_CLASS", (_FLASK_STORAGE,), "s3", option="STORAGE_CLASS"),
    PeerSetting("USE_THREADS", (_FLASK_STORAGE,), "s3", NO_EFFECT),
    PeerSetting("MONGO_URL", _NOT_STORAGE, "gridfs"),
    PeerSetting("MONGO_DB", _NOT_STORAGE, "gridfs"),
    PeerSetting("AUTHURL", _NOT_STORAGE, "swift"),
    PeerSetting("USER", _NOT_STORAGE, "swift"),
    PeerSetting("KEY", _NOT_STORAGE, "swift"),
    PeerSetting("AUTH_VERSION", (_FLASK_FS2,), "swift"),
    PeerSetting("TENANT_NAME", (_FLASK_FS2,), "swift"),
    PeerSetting("REGION_NAME", (_FLASK_FS2,), "swift"),
    PeerSetting("OS_OPTIONS", (_FLASK_FS2,), "swift"),
    PeerSetting("CREATE_CONTAINER", (_FLASK_FS2,), "swift"),
    PeerSetting("POOL_SIZE", (_FLASK_FS2,), "swift"),
    PeerSetting("POOL_TIMEOUT", (_FLASK_FS2,), "swift", NO_EFFECT),
    PeerSetting("TIMEOUT", (_FLASK_FS2,), "swift"),
    PeerSetting("RETRIES", (_FLASK_FS2,), "swift"),
    PeerSetting("ETAG_MISMATCH_POLICY", (_FLASK_FS2,), "swift", NO_EFFECT),
)

#: The KEYs that no backend need declare.
WITHOUT_EFFECT = frozenset(setting.name for setting in SETTINGS if setting.effect != USED)
