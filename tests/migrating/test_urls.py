"""URLs, redirects and paths of a storage that moves: those of the side that has the file, else the app's."""

import io
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from migrating.pairs import moving, sides

import flask_pyfs as fs
