"""Published data sets, in made-up files of their formats and, where they are at hand, the real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foretext.errors import DataError, SettingsError, UnknownName
from foretext.tasks.catalogue import TASKS, find_task
from foretext.tasks.labelled import LabelledDataSettings, read_as_given
from foretext.tasks.metrics import METRICS
from foretext.tasks.published.openbookqa import split_answers
from foretext.tasks.published.splits import Split

REAL_ROWS: dict[tuple[str, Split], int] = {
    ("CoLA", "train"): 8_551,
    ("CoLA", "valid"): 1_043,
    ("SST-2", "train"): 67_349,
    ("SST-2", "valid"): 872,
    ("RTE", "train"): 2_490,
    ("RTE", "valid"): 277,
    ("STS-B", "train"): 5_749,
    ("STS-B", "valid"): 1_500,
    ("QNLI", "train"): 9_999,
    ("QNLI", "valid"): 5_463,
    ("MNLI", "train"): 9_999,
    ("MNLI", "valid"): 9_815,
    ("SNLI", "train"): 27_649,
    ("SNLI", "valid"): 9_842,
    ("SciTail", "test"): 2_126,
    ("OpenBookQA", "train"): 4_957,
    ("OpenBookQA", "valid"): 500,
    ("OpenBookQA", "test"): 500,
    ("COPA", "train"): 500,
    ("COPA", "test"): 500,
    ("DPR", "train"): 1_316,
    ("DPR", "test"): 564,
    ("TREC", "train"): 5_452,
    ("TREC", "test"): 500,
}


@pytest.mark.parametrize(("name", "split"), REAL_ROWS)
def test_every_row_of_the_real_files_is_read(real_data: Path, name: str, split: Split) -> None:
    task = find_task(name)
    data = task.read(real_data / "tasks", split)
    assert (len(data.examples), data.unlabelled) == (REAL_ROWS[name, split], 0)
    assert {len(example.texts) for example in data.examples} == {len(task.text)}
    assert task.schema(data.examples).metric == task.metric


def folder(root: Path, name: str, file: str, content: str, encoding: str = "utf-8") -> Path:
    (root / name).mkdir()
    (root / name / file).write_bytes(content.encode(encoding))
    return root


def test_cola_has_neither_header_nor_quoting(tmp_path: Path) -> None:
    root = folder(tmp_path, "CoLA", "dev.tsv", 'gj04\t1\t\t"Go," he said.\ngj04\t0\t*\tHim go.\n')
    examples = find_task("cola").read(root, "valid").examples
    assert [(example.texts, example.label) for example in examples] == [(('"Go," he said.',), "1"), (("Him go.",), "0")]


def test_pairs_without_a_majority_label_are_left_out_and_counted(tmp_path: Path) -> None:
    content = (
        '{"premise": "p", "hypothesis": "h", "label": "-"}\n{"premise": "p", "hypothesis": "i", "label": "neutral"}'
    )
    data = find_task("SNLI").read(folder(tmp_path, "SNLI", "dev.jsonl", content), "valid")
    assert (len(data.examples), data.unlabelled) == (1, 1)


def test_answers_in_one_cell_are_taken_apart() -> None:
    assert split_answers("(A) ice (B) a (cold) day (C) 3 (D) fog") == ("ice", "a (cold) day", "3", "fog")
    assert split_answers("(A) ice (C) fog") == ()


def test_a_pronoun_comes_with_its_sentence_and_two_candidates(tmp_path: Path) -> None:
    content = "The bee saw Rick, and it fled.\nit\nThe bee, Rick\nThe bee\n\nAnn met Bo as she sang.\nshe\nAnn,Bo\nBo\n"
    bee, ann = find_task("DPR").read(folder(tmp_path, "DPR", "test.c.txt", content), "test").examples
    assert (bee.texts, bee.choices, bee.label) == (("The bee saw Rick, and it fled.", "it"), ("The bee", "Rick"), 0)
    assert (ann.texts, ann.choices, ann.label) == (("Ann met Bo as she sang.", "she"), ("Ann", "Bo"), 1)
    assert ann.where.endswith("test.c.txt:6")


def test_bad_blocks_of_pronouns_are_named_by_the_line_they_begin_in(tmp_path: Path) -> None:
    good, nobody, no_pronoun = "S it.\nit\nA,B\nA\n\n", "S it.\nit\nA,B\nC\n\n", "S it.\nhe\nA,B\nB\n\n"
    root = folder(tmp_path, "DPR", "test.c.txt", good + nobody + no_pronoun + "S it.\nit\n")
    with pytest.raises(DataError) as caught:
        find_task("DPR").read(root, "test")
    message = str(caught.value)
    assert "3 problems" in message
    assert "test.c.txt:6: 'C' is not one of two candidates" in message
    assert "test.c.txt:11: 'he' does not occur in 'S it.'" in message
    assert "test.c.txt:16: not a sentence, a pronoun" in message


def test_what_copa_asks_for_becomes_a_word(tmp_path: Path) -> None:
    item = '<item id="1" asks-for="{}" most-plausible-alternative="2"><p>P.</p><a1>One.</a1><a2>Two.</a2></item>'
    content = f"<copa-corpus>{item.format('cause')}{item.format('effect')}</copa-corpus>"
    cause, effect = find_task("COPA").read(folder(tmp_path, "COPA", "copa-dev.xml", content), "train").examples
    assert (cause.texts, cause.choices, cause.label) == (("P.", "because"), ("One.", "Two."), 1)
    assert effect.texts == ("P.", "so")


def test_trec_is_latin_1_and_its_coarse_type_the_label(tmp_path: Path) -> None:
    root = folder(tmp_path, "TREC", "TREC.test", "HUM:ind Who was Fran\xe7ois ?\n", "latin-1")
    [example] = find_task("TREC").read(root, "test").examples
    assert (example.texts, example.label) == (("Who was François ?",), "HUM")


def test_a_broken_published_file_is_named_with_its_line(tmp_path: Path) -> None:
    root = folder(tmp_path, "TREC", "TREC.test", "HUM:ind Who ?\nno type\n")
    with pytest.raises(DataError, match=r"TREC\.test:2: not a question behind its type"):
        find_task("TREC").read(root, "test")


def test_a_split_that_is_not_there_is_named_with_its_source_and_licence(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        find_task("RACE").read(tmp_path, "train")
    message = str(caught.value)
    assert f"RACE: there is no train in {tmp_path}." in message
    assert "https://www.cs.cmu.edu/~glai1/data/race/ (Lai et al. 2017; licence: non-commercial research)" in message
    assert f"put it into {tmp_path / 'tasks' / 'RACE'}; Foretext downloads no data" in message
    assert find_task("SNLI").splits(tmp_path) == []


def test_a_split_that_a_data_set_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="no split called 'test'"):
        find_task("MR").read(tmp_path, "test")


@pytest.mark.parametrize("place", ["tasks/RTE", "RTE", "."])
def test_a_task_is_found_in_tasks_below_a_folder_below_it_or_in_it(tmp_path: Path, place: str) -> None:
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    (tmp_path / place / "dev.tsv").write_text("index\tsentence1\tsentence2\tlabel\n0\tA.\tB.\tentailment\n")
    assert find_task("RTE").splits(tmp_path) == ["valid"]
    assert len(find_task("RTE").read(tmp_path, "valid").examples) == 1


RTE_ROWS = "index\tsentence1\tsentence2\tlabel\n0\tA.\tB.\tentailment\n1\tC.\tD.\tnot_entailment\n"


@pytest.mark.parametrize("name", ["RTE", "rte", "downloads"])
def test_a_folder_that_is_given_itself_is_read_as_the_one_task_whose_it_can_be(tmp_path: Path, name: str) -> None:
    root = folder(tmp_path, name, "train.tsv", RTE_ROWS) / name
    (root / "test.tsv").write_text("index\tsentence1\tsentence2\n0\tA.\tB.\n")
    assert [name for name, task in TASKS.items() if task.splits(root)] == ["RTE"]
    with pytest.raises(DataError, match=r"WNLI: there is no train\.tsv .*not called WNLI, and its columns and labels"):
        find_task("WNLI").read(root, "train")


def test_a_folder_that_may_be_several_tasks_is_taken_for_none_until_it_has_a_name(tmp_path: Path) -> None:
    rows = '{"premise": "p", "hypothesis": "h", "label": "neutral"}\n'
    root = folder(tmp_path, "pairs", "train.jsonl", rows)
    assert [name for name, task in TASKS.items() if task.splits(root / "pairs")] == []
    (root / "pairs").rename(root / "snli")
    assert [name for name, task in TASKS.items() if task.splits(root / "snli")] == ["SNLI"]


def test_tasks_that_share_their_files_are_both_found_in_them(tmp_path: Path) -> None:
    header = "pair_ID\tsentence_A\tsentence_B\tentailment_label\trelatedness_score\tSemEval_set\n"
    row = "{}\tA.\tB.\tNEUTRAL\t3.0\t{}\n"
    rows = "".join(row.format(number, name) for number, name in enumerate(("TRAIN", "TRIAL", "TEST")))
    root = folder(tmp_path, "pairs", "SICK.txt", header + rows) / "pairs"
    assert [name for name, task in TASKS.items() if task.splits(root)] == ["SICK-E", "SICK-R"]


def test_labels_that_are_not_a_tasks_own_are_refused_whatever_the_folder_is_called(tmp_path: Path) -> None:
    root = folder(tmp_path, "WNLI", "train.tsv", RTE_ROWS)
    with pytest.raises(DataError, match=r"train\.tsv:2: the label 'entailment' is none of WNLI's, 0, 1; it is not"):
        find_task("WNLI").read(root, "train")


def test_another_number_of_examples_than_was_published_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = folder(tmp_path, "RTE", "train.tsv", RTE_ROWS)
    find_task("RTE").read(root, "train")
    assert caplog.messages == [f"RTE: {root / 'RTE' / 'train.tsv'} has 2 examples; published were 2,490"]
    caplog.clear()
    (root / "RTE" / "dev.tsv").write_text(RTE_ROWS.splitlines()[0] + "\n" + "0\tA.\tB.\tentailment\n" * 277)
    find_task("RTE").read(root, "valid")
    assert caplog.messages == []


def test_every_number_of_published_examples_is_of_a_split_or_of_a_file_that_is_looked_for() -> None:
    for name, task in TASKS.items():
        files = {Path(file).name for names in task.files.values() for file in names}
        assert set(task.published) <= set(task.files) | files, name
        assert set(task.files) - {"train", "valid", "test"} or set(task.published) >= set(task.files), name


def test_the_papers_twelve_tasks_come_first_in_the_order_of_table_1() -> None:
    paper = [name for name, task in TASKS.items() if task.paper]
    assert paper == list(TASKS)[:12]
    assert paper == "SNLI MNLI QNLI RTE SciTail RACE StoryCloze MRPC QQP STS-B SST-2 CoLA".split()


def test_every_task_says_where_it_comes_from_and_how_it_is_scored() -> None:
    for task in TASKS.values():
        assert task.url.startswith("http"), task.name
        assert task.source, task.name
        assert task.licence, task.name
        assert task.metric in METRICS, task.name
        assert set(task.submissions) <= set(task.files), task.name
        assert set(task.files) & {"train", "test"}, task.name


def test_a_task_that_is_not_known_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="no task called 'SST2'; did you mean 'SST-2'"):
        find_task("SST2")


def test_every_task_of_the_catalogue_is_found_by_its_name_in_any_case() -> None:
    assert all(find_task(name.lower()) is task for name, task in TASKS.items())


def rte(root: Path) -> LabelledDataSettings:
    rows = "0\ta\tb\tentailment\n1\tc\td\tnot_entailment\n"
    return LabelledDataSettings(
        task="RTE", data=folder(root, "RTE", "train.tsv", f"index\tsentence1\tsentence2\tlabel\n{rows}")
    )


def test_a_metric_and_a_positive_class_that_are_said_beside_a_task_count(tmp_path: Path) -> None:
    settings = rte(tmp_path)
    own = read_as_given(settings).schema
    said = read_as_given(settings.model_copy(update={"metric": "f1", "positive": "not_entailment"})).schema
    assert (own.metric, own.classes[1]) == ("accuracy", "entailment")
    assert (said.metric, said.classes[1]) == ("f1", "not_entailment")
    with pytest.raises(SettingsError, match="the metric pearson does not fit"):
        read_as_given(settings.model_copy(update={"metric": "pearson"}))


@pytest.mark.parametrize(
    "said",
    [
        {"kind": "classification"},
        {"text": ("sentence1",)},
        {"choices": ("a", "b")},
        {"label": "label"},
        {"labels": "class"},
        {"answer_labels": "index0"},
        {"separator": ";"},
        {"order": ("a", "b")},
    ],
    ids=lambda said: next(iter(said)),
)
def test_what_a_task_says_itself_is_refused_beside_it(tmp_path: Path, said: dict[str, Any]) -> None:
    flag = "--" + next(iter(said)).replace("_", "-")
    with pytest.raises(SettingsError, match=f"RTE has examples and columns of its own; .*: leave out {flag}$"):
        read_as_given(rte(tmp_path).model_copy(update=said))
