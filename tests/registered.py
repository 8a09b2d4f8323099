"""The classes of documents that mongoengine knows, which it never forgets."""

from mongoengine import Document, EmbeddedDocument

from flask_pyfs.mongo import naming


def hide_registered_documents(monkeypatch):
    """Let orphans be looked for as if the classes of documents of all tests before did not exist."""
    real = naming._below
    known = {each for above in (Document, EmbeddedDocument) for each in real(above)}
    monkeypatch.setattr(naming, "_below", lambda above: (each for each in real(above) if each not in known))
