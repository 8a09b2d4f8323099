"""For type checkers alone: the bases in packages that have no types, as far as their subclasses have them."""

from abc import ABCMeta
from collections.abc import Callable
from typing import Any, TypeVar

from fs.base import FS

View = TypeVar("View", bound=Callable[..., Any])

class BotoCoreError(Exception):
    fmt: str
    kwargs: dict[str, Any]
    def __init__(self, **kwargs: Any) -> None: ...

class S3FS(FS, metaclass=ABCMeta):
    aws_access_key_id: str | None
    aws_secret_access_key: str | None
    aws_session_token: str | None
    delimiter: str
    dir_path: str
    download_args: dict[str, Any] | None
    endpoint_url: str | None
    region: str | None
    strict: bool
    upload_args: dict[str, Any] | None
    _prefix: str
    def __init__(
        self,
        bucket_name: str,
        dir_path: str = "/",
        aws_access_key_id: str | None = None,
        aws_secret_access_key: str | None = None,
        aws_session_token: str | None = None,
        endpoint_url: str | None = None,
        region: str | None = None,
        delimiter: str = "/",
        strict: bool = True,
        cache_control: str | None = None,
        acl: str | None = None,
        upload_args: dict[str, Any] | None = None,
        download_args: dict[str, Any] | None = None,
    ) -> None: ...

class BaseField:
    choices: Any
    db_field: str
    default: Any
    name: str | None
    null: bool
    primary_key: bool
    required: bool
    sparse: bool
    unique: bool
    unique_with: str | list[str] | None
    validation: Callable[[Any], None] | None
    def __init__(
        self,
        db_field: str | None = None,
        required: bool = False,
        default: Any = None,
        unique: bool = False,
        unique_with: str | list[str] | None = None,
        primary_key: bool = False,
        validation: Callable[[Any], None] | None = None,
        choices: Any = None,
        null: bool = False,
        sparse: bool = False,
        **kwargs: Any,
    ) -> None: ...
    def __get__(self, instance: Any, owner: Any) -> Any: ...
    def __set__(self, instance: Any, value: Any) -> None: ...
    def error(self, message: str = "", errors: dict[str, Any] | None = None, field_name: str | None = None) -> None: ...
    def prepare_query_value(self, op: str, value: Any) -> Any: ...
    def to_mongo(self, value: Any) -> Any: ...
    def to_python(self, value: Any) -> Any: ...
    def validate(self, value: Any, clean: bool = True) -> None: ...
    @property
    def owner_document(self) -> Any: ...
    @owner_document.setter
    def owner_document(self, owner_document: Any) -> None: ...

class UploadField:
    data: Any
    errors: list[str]
    name: str
    widget: Any
    short_name: str
    object_data: Any
    raw_data: Any
    render_kw: dict[str, Any] | None
    def __init__(self, label: str | None = None, validators: Any = None, **kwargs: Any) -> None: ...
    def __call__(self, **kwargs: Any) -> Any: ...
    def gettext(self, string: str) -> str: ...
    def pre_validate(self, form: Any) -> None: ...
    def process(self, formdata: Any, *arguments: Any, **options: Any) -> None: ...
    def post_validate(self, form: Any, validation_stopped: bool) -> None: ...
    def populate_obj(self, obj: Any, name: str) -> None: ...

class FileField(UploadField): ...
class MultipleFileField(UploadField): ...

def expose(url: str, methods: tuple[str, ...] = ...) -> Callable[[View], View]: ...

class BaseFileStorage:
    def __init__(self, on_windows: bool) -> None: ...

class BaseFileAdmin:
    form_base_class: Any
    can_rename: bool
    rename_modal: bool
    rename_template: str
    rename_modal_template: str
    storage: Any
    def __init__(self, **options: Any) -> None: ...
    def create_blueprint(self, admin: Any) -> Any: ...
    def get_url(self, endpoint: str, **kwargs: Any) -> str: ...
    def is_accessible_path(self, path: str) -> bool: ...
    def is_file_allowed(self, filename: str) -> bool: ...
    def name_form(self) -> Any: ...
    def normpath(self, path: str) -> str: ...
    def on_file_upload(self, directory: str, path: str, filename: str) -> None: ...
    def on_rename(self, full_path: str, dir_base: str, filename: str) -> None: ...
    def render(self, template: str, **kwargs: Any) -> str: ...
    def validate_form(self, form: Any) -> bool: ...
    def download(self, path: str | None = None) -> Any: ...
    def _get_dir_url(self, endpoint: str, path: str | None = None, **kwargs: Any) -> str: ...
    def _normalize_path(self, path: str | None) -> tuple[str, str, str]: ...

class BaseModelView:
    model_form_converter: Any
    def handle_view_exception(self, exc: Exception) -> bool: ...
    def scaffold_list_form(self, *arguments: Any, **options: Any) -> Any: ...

class FileInput:
    def __init__(self, multiple: bool = False) -> None: ...
    def __call__(self, field: Any, **kwargs: Any) -> str: ...

class Required:
    field_flags: dict[str, bool]
    def __init__(self, message: str | None = None) -> None: ...
