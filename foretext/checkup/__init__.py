"""A doctor for data: what is wrong with labelled files or raw text, what may be, and what cannot be judged.

`rows.py` gathers the facts of labelled rows in one pass; a check is a function from these facts to findings, one file a
group of checks. What is not sure is shown, never removed; every count says what it counts.
"""
