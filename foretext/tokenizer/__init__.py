"""Text to token ids and back: cleaning, English word rules, byte-pair pieces, and the `Tokenizer` that joins them."""

from foretext.tokenizer.tokenizer import Tokenizer

__all__ = ["Tokenizer"]
