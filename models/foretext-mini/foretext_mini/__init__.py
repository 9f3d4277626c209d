"""Data only: the weights, the tokenizer and the description of the model that foretext knows as "mini"."""
