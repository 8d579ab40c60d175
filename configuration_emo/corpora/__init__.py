"""The corpora that this library knows: what each is, its labels, scores, metrics, published sizes and protocols."""

from .corpus import Corpus, FileNames, LabelSet, PublishedFolds, SideTable, VoteTable
from .table import CORPORA, corpus_of_task


__all__ = ["CORPORA", "Corpus", "FileNames", "LabelSet", "PublishedFolds", "SideTable", "VoteTable", "corpus_of_task"]
