"""Published data sets in the layout of their publishers: one file a format, each with `read(folder, split)`.

A reader yields the examples of one split, in the order of the file. An example whose label the publisher left out has
none. What is not as published is a `DataError` that names file and line.
"""
