"""The files that are made of an image: with the upload, by a worker, or at the first request."""
