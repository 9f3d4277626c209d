"""Memory to disk and back: saved models and training states, as safetensors and JSON, whole or not at all.

A model folder holds `model.safetensors`, `model.json` and `tokenizer.json`; a finished run is one. Nothing here reads
pickle or runs anything from a file.
"""
