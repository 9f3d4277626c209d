"""Text to token ids and back: cleaning, English word rules, byte-pair pieces, and the `Tokenizer` that joins them."""

from foretext.tokenizer.learning import count_words
from foretext.tokenizer.tokenizer import Tokenizer

__all__ = ["Tokenizer", "count_words"]
