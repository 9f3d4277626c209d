"""Foretext: generative pre-training on raw text, then fine-tuning on a task with few labels (Radford et al. 2018)."""

__version__ = "0.1.0"
