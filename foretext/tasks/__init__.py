"""Tasks: labelled files to examples to sequences of ids, and how answers are scored.

The way through: `files/tables` reads rows, `files/columns` and `labels/` say what they mean, `reading` makes examples
of them, `schema` remembers it for later, `transforms` is Figure 1 of the paper, `encode` and `batching` make batches.
`catalogue` knows published data sets. Speaks text and ids, never tensors.
"""
