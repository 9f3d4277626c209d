"""Labels and predictions become scores with error bars, beside chance and a word-count baseline, and a report to read.

Start at `scoring.score`; `score_intervals` holds the interval of each metric, `intervals` the bootstrap and leads over
runs, `baselines` TF-IDF with logistic regression, `report` the self-contained HTML page. Nothing here knows a model:
predictions come in as plain values.
"""
