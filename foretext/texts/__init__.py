"""A text by itself, whoever reads it: what is damaged in it, what it is like, its language, how it is shown."""
