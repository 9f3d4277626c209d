"""Documents to token shards to windows.

This package owns unlabelled text: it reads files of any mix of formats as a stream of documents, turns them into shards
of token ids with all cores, and gives training its random windows as a pure function of seed and update.
"""

from foretext.corpus.corpus import Corpus, Split
from foretext.corpus.documents import Document
from foretext.corpus.preparer import prepare
from foretext.corpus.problems import Problems
from foretext.corpus.readers import read_documents
from foretext.corpus.windows import Windows, sequential_windows

__all__ = ["Corpus", "Document", "Problems", "Split", "Windows", "prepare", "read_documents", "sequential_windows"]
