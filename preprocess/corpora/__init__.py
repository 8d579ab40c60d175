"""Corpora: one module each, one way to read them all."""

from .loading import CORPORA, load_corpus, read_corpus


__all__ = ["CORPORA", "load_corpus", "read_corpus"]
