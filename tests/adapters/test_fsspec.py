"""A storage as a filesystem of fsspec."""

import pytest

import flask_pyfs as fs
