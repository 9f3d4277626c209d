"""Ids to states to scores: the decoder, its heads, and what can be read from them.

Knows tensors only; text, tokenizers and tasks are for other packages. Import the modules themselves, so that
whoever needs only `model.settings` does not load torch.
"""
