"""Text to token ids and back: three modes of reading, byte-pair pieces, and the `Tokenizer` that joins them."""

from foretext.tokenizer.counting import count_words
from foretext.tokenizer.tokenizer import Tokenizer

__all__ = ["Tokenizer", "count_words"]
