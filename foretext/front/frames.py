"""A table of pandas, polars or pyarrow with answers beside."""

from __future__ import annotations

from typing import Any

from foretext.errors import DataError
from foretext.recipes.predict import open_answers
from foretext.recipes.settings.predict import PredictSettings
from foretext.serving.predictor import Predictor
from foretext.tasks.schema import TaskSchema


def with_answers(predictor: Predictor, schema: TaskSchema, frame: Any, settings: PredictSettings) -> Any:
    """`frame` with the columns that `foretext predict` writes; rows, index and other columns are as they were.

    Raises:
        DataError: it is no table, a row cannot be used, a column of an answer is there already, or too much is
            unknown to the model.
        UnknownName: a column of training is not there.
    """
    import narwhals

    table = narwhals.from_native(frame, pass_through=True)
    if isinstance(table, narwhals.LazyFrame):
        table = table.collect()
    if not isinstance(table, narwhals.DataFrame):
        raise DataError("as_frame is for tables of pandas, polars or pyarrow; a list of answers has no columns")
    with open_answers(predictor, schema, table.to_native(), settings, predictor.unread()) as (_, rows):
        answers = [answer for _, answer in rows]
    columns = [
        narwhals.new_series(name, [answer[name] for answer in answers], backend=table.implementation)
        for name in answers[0]
    ]
    return table.with_columns(*columns).to_native()
