"""What stores cannot promise, with the page and the sentence that say so."""

WINDOWS = {}
