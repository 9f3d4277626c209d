"""A fine-tuned model, or a language model, in a folder that answers without Foretext."""
