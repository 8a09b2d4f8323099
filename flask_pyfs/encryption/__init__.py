"""How encrypted files look like: the format of Tink's streaming AEAD, the keys, and the files of flask-fs2."""
