"""Published formats, in tiny made-up files that have their columns, names and oddities."""

from __future__ import annotations

import csv
import io
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foretext.errors import DataError
from foretext.tasks.catalogue import find_task
from foretext.tasks.examples import Example

Published = Callable[..., Path]

SNLI_HEADER = (
    "gold_label sentence1_binary_parse sentence2_binary_parse sentence1_parse sentence2_parse sentence1 sentence2 "
    "captionID pairID label1 label2 label3 label4 label5"
).split()
MNLI_HEADER = (
    "index promptID pairID genre sentence1_binary_parse sentence2_binary_parse sentence1_parse sentence2_parse "
    "sentence1 sentence2"
).split()


@pytest.fixture
def published(tmp_path: Path) -> Published:
    """Writes a file below the folder of a task and gives the root to read from."""

    def written(path: str, content: str, encoding: str = "utf-8") -> Path:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode(encoding))
        return tmp_path

    return written


def tsv(*rows: list[str]) -> str:
    return "".join("\t".join(row) + "\n" for row in rows)


def quoted_csv(*rows: list[str]) -> str:
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue()


def json_lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def contents(examples: list[Example]) -> list[tuple[Any, ...]]:
    return [(*example.texts, *([example.choices] if example.choices else []), example.label) for example in examples]


def read(name: str, root: Path, split: str) -> list[tuple[Any, ...]]:
    return contents(list(find_task(name).rows(root, split)))


# GLUE


@pytest.mark.parametrize(
    ("name", "header", "row", "texts"),
    [
        ("CoLA", "index sentence", 'He said "go.', 1),
        ("SST-2", "index sentence", '" a fine film', 1),
        ("RTE", "index sentence1 sentence2", 'A "quoted.|B.', 2),
        ("WNLI", "index sentence1 sentence2", "A.|B.", 2),
        ("QNLI", "index question sentence", "A?|B.", 2),
        ("QQP", "id question1 question2", "A?|B?", 2),
        ("STS-B", "index genre filename year old_index source1 source2 sentence1 sentence2", "a|b|c|d|e|f|A.|B.", 2),
        ("MRPC", "index|#1 ID|#2 ID|#1 String|#2 String", "7|8|A.|B.", 2),
        ("AX", "index sentence1 sentence2", "A.|B.", 2),
    ],
)
def test_glues_test_files_have_texts_and_numbers_but_no_labels(
    published: Published, name: str, header: str, row: str, texts: int
) -> None:
    names = header.split("|") if "|" in header else header.split()
    file = "diagnostic/diagnostic.tsv" if name == "AX" else f"{name}/test.tsv"
    root = published(file, tsv(names, ["0", *row.split("|")], ["1", *row.split("|")]))
    rows = find_task(name).rows(root, "test")
    assert [example.texts for example in rows] == [tuple(row.split("|")[-texts:])] * 2
    assert [example.id for example in rows] == ["0", "1"]
    assert [example.label for example in rows] == [None, None]
    assert not find_task(name).is_labelled(root, "test")
    with pytest.raises(DataError, match="the test split in .* has no labelled examples"):
        find_task(name).read(root, "test")


def test_mrpc_is_read_from_glues_files_and_from_the_original_ones_with_their_byte_order_mark(
    published: Published,
) -> None:
    header = ["Quality", "#1 ID", "#2 ID", "#1 String", "#2 String"]
    row = ["1", "11", "12", 'He "said so.', "So he said."]
    root = published("MRPC/msr_paraphrase_train.txt", "\ufeff" + tsv(header, row))
    assert read("MRPC", root, "train") == [('He "said so.', "So he said.", "1")]
    published("MRPC/msr_paraphrase_test.txt", "\ufeff" + tsv(header, row))
    assert find_task("MRPC").is_labelled(root, "test")
    published("MRPC/train.tsv", "\ufeff" + tsv(header, row, ["0", "1", "2", "A.", "B."]))
    assert [label for *_, label in read("MRPC", root, "train")] == ["1", "0"]


def test_the_number_of_rows_that_mrpc_should_have_depends_on_the_form(
    published: Published, caplog: pytest.LogCaptureFixture
) -> None:
    header, row = ["Quality", "#1 ID", "#2 ID", "#1 String", "#2 String"], ["1", "11", "12", "A.", "B."]
    root = published("MRPC/msr_paraphrase_train.txt", "\ufeff" + tsv(header, *[row] * 4_076))
    read("MRPC", root, "train")
    assert caplog.messages == []
    published("MRPC/train.tsv", tsv(header, *[row] * 4_076))
    read("MRPC", root, "train")
    assert caplog.messages == [f"MRPC: {root / 'MRPC' / 'train.tsv'} has 4,076 examples; published were 3,668"]


STS_B_ROW = ["main-news", "MSRpar", "2012test", "0024", "2.500", 'A "girl" is.', "A girl was."]


def test_the_labelled_test_set_of_sts_b_has_no_header_no_quotes_and_on_some_rows_sources(published: Published) -> None:
    sources = ["Collection from https://a", "from https://b"]
    root = published("STS-B/original/sts-test.tsv", tsv(STS_B_ROW, [*STS_B_ROW[:4], "5", "C.", "D.", *sources]))
    published("STS-B/test.tsv", tsv(["index", "sentence1", "sentence2"], ["0", "C.", "D."]))
    assert read("STS-B", root, "test") == [('A "girl" is.', "A girl was.", 2.5), ("C.", "D.", 5.0)]
    assert find_task("STS-B").is_labelled(root, "test")
    assert read("STS-B", root, "test hidden") == [("C.", "D.", None)]


def test_bad_rows_of_the_labelled_test_set_of_sts_b_are_named(published: Published) -> None:
    root = published("STS-B/original/sts-test.tsv", tsv(STS_B_ROW[:6], STS_B_ROW, [*STS_B_ROW[:4], "x", "A.", "B."]))
    with pytest.raises(DataError) as caught:
        find_task("STS-B").read(root, "test")
    assert "sts-test.tsv:1: 6 cells; a row has 7 to 9" in str(caught.value)
    assert "sts-test.tsv:3: the score 'x' is no number" in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_the_labelled_test_set_of_sst_2_is_a_label_and_a_text_on_each_line(published: Published, encoding: str) -> None:
    root = published("SST-2/stsa.binary.test", '0 no movement , no yuks .\n1 a café , " fine " .\n', encoding)
    assert read("SST-2", root, "test") == [("no movement , no yuks .", "0"), ('a café , " fine " .', "1")]
    published("SST-2/test.tsv", tsv(["index", "sentence"], ["0", "fine ."]))
    assert find_task("SST-2").is_labelled(root, "test")
    assert read("SST-2", root, "test hidden") == [("fine .", None)]


def test_bad_lines_of_the_labelled_test_set_of_sst_2_are_named(published: Published) -> None:
    root = published("SST-2/stsa.binary.test", "0 no .\n2 so so .\n1\n")
    with pytest.raises(DataError) as caught:
        find_task("SST-2").read(root, "test")
    assert "stsa.binary.test:2: not a label, 0 or 1, a blank and a text" in str(caught.value)
    assert "2 problems" in str(caught.value)


def test_torn_rows_of_qqp_are_left_out_and_counted(published: Published, caplog: pytest.LogCaptureFixture) -> None:
    header = ["id", "qid1", "qid2", "question1", "question2", "is_duplicate"]
    content = tsv(
        header, ["1", "2", "3", "Why?", "How?", "0"], ["4", "5", "6", "Torn"], ["9", "8", "7", "A?", "B?", "1"]
    )
    root = published("QQP/train.tsv", content)
    with caplog.at_level(logging.INFO):
        assert read("QQP", root, "train") == [("Why?", "How?", "0"), ("A?", "B?", "1")]
    assert "train.tsv: 1 rows are not as its header says and are left out" in caplog.text
    assert "train.tsv:3: 4 cells, but the first row has 6" in caplog.text


def test_torn_rows_of_other_tasks_are_refused(published: Published) -> None:
    root = published("RTE/train.tsv", tsv(["index", "sentence1", "sentence2", "label"], ["0", "A."]))
    with pytest.raises(DataError, match=r"train\.tsv:2: 2 cells, but the first row has 4"):
        find_task("RTE").read(root, "train")


def test_mnli_is_read_as_glue_has_it_matched_and_mismatched(published: Published) -> None:
    filler = ["x"] * 7
    published(
        "MNLI/train.tsv", tsv([*MNLI_HEADER, "label1", "gold_label"], ["0", *filler, 'P "1', "H", "n", "neutral"])
    )
    dev = [*MNLI_HEADER, *(f"label{number}" for number in range(1, 6)), "gold_label"]
    for part, label in {"matched": "entailment", "mismatched": "contradiction"}.items():
        published(f"MNLI/dev_{part}.tsv", tsv(dev, ["0", *filler, "P", part, *"abcde", label]))
        root = published(f"MNLI/test_{part}.tsv", tsv(MNLI_HEADER, ["7", *filler, "P", part]))
    assert read("MNLI", root, "train") == [('P "1', "H", "neutral")]
    assert read("MNLI", root, "valid") == [("P", "matched", "entailment")]
    assert read("MNLI", root, "valid mismatched") == [("P", "mismatched", "contradiction")]
    assert read("MNLI", root, "test") == [("P", "matched", None)]
    assert read("MNLI", root, "test mismatched") == [("P", "mismatched", None)]


# Other inference


@pytest.mark.parametrize("ending", ["jsonl", "txt"])
def test_snli_is_read_in_both_its_forms_and_pairs_without_a_majority_are_counted(
    published: Published, ending: str
) -> None:
    rows: list[dict[str, Any]] = [
        dict.fromkeys(SNLI_HEADER, "x") | {"gold_label": "-", "sentence1": "A.", "sentence2": "B."},
        dict.fromkeys(SNLI_HEADER, "x") | {"gold_label": "neutral", "sentence1": 'A "dog', "sentence2": "B."},
    ]
    content = json_lines(*rows) if ending == "jsonl" else tsv(SNLI_HEADER, *(list(row.values()) for row in rows))
    root = published(f"snli_1.0/snli_1.0_dev.{ending}", content)
    data = find_task("SNLI").read(root, "valid")
    assert (contents(data.examples), data.unlabelled) == ([('A "dog', "B.", "neutral")], 1)


def test_scitails_forms_name_their_labels_alike_here(published: Published) -> None:
    root = published(
        "SciTailV1.1/tsv_format/scitail_1.0_train.tsv", tsv(['A "cell', "B", "entails"], ["C", "D", "neutral"])
    )
    pairs = [
        {"sentence1": "A", "sentence2": "B", "gold_label": "entailment"},
        {"sentence1": "C", "sentence2": "D", "gold_label": "neutral"},
    ]
    published("SciTailV1.1/snli_format/scitail_1.0_dev.txt", json_lines(*pairs))
    published(
        "SciTailV1.1/test.jsonl",
        json_lines(
            {"premise": "A", "hypothesis": "B", "label": "entailment", "tag": ""},
            {"premise": "C", "hypothesis": "D", "label": "not_entailment", "tag": ""},
        ),
    )
    assert read("SciTail", root, "train") == [('A "cell', "B", "entailment"), ("C", "D", "neutral")]
    assert read("SciTail", root, "valid") == read("SciTail", root, "test")
    assert read("SciTail", root, "test") == [("A", "B", "entailment"), ("C", "D", "neutral")]


def test_sick_has_labels_and_scores_in_a_file_a_split_or_one_for_all(published: Published) -> None:
    published(
        "SICK/SICK_train.txt",
        tsv(
            ["pair_ID", "sentence_A", "sentence_B", "relatedness_score", "entailment_judgment"],
            ["1", "A", "B", "4.5", "NEUTRAL"],
        ),
    )
    root = published(
        "SICK/SICK.txt",
        tsv(
            ["pair_ID", "sentence_A", "sentence_B", "entailment_label", "relatedness_score", "SemEval_set"],
            ["1", "A", "B", "NEUTRAL", "4.5", "TRAIN"],
            ["2", "C", "D", "ENTAILMENT", "3", "TRIAL"],
            ["3", "E", "F", "CONTRADICTION", "1", "TEST"],
        ),
    )
    assert read("SICK-E", root, "train") == [("A", "B", "NEUTRAL")]
    assert read("SICK-E", root, "valid") == [("C", "D", "ENTAILMENT")]
    assert read("SICK-R", root, "train") == [("A", "B", 4.5)]
    assert read("SICK-R", root, "test") == [("E", "F", 1.0)]


def test_anlis_letters_become_words(published: Published) -> None:
    row = {"uid": "u1", "context": "C.", "hypothesis": "H.", "reason": ""}
    root = published("anli_v1.0/R2/dev.jsonl", json_lines(*({**row, "label": letter} for letter in "enc")))
    assert [label for *_, label in read("ANLI-R2", root, "valid")] == ["entailment", "neutral", "contradiction"]


def test_boolq_and_wic_are_read_with_and_without_labels(published: Published) -> None:
    question = {"question": "is it", "title": "T", "passage": "It is."}
    published("BoolQ/train.jsonl", json_lines({**question, "answer": True}))
    published("BoolQ/val.jsonl", json_lines({"question": "is it", "passage": "No.", "idx": 0, "label": False}))
    published("BoolQ/test.jsonl", json_lines({"question": "is it", "passage": "No.", "idx": 4}))
    word = {"word": "bank", "sentence1": "A bank.", "sentence2": "The bank.", "idx": 9, "start1": 2}
    root = published("WiC/train.jsonl", json_lines({**word, "label": True}))
    assert read("BoolQ", root, "train") == [("It is.", "is it", "true")]
    assert read("BoolQ", root, "valid") == [("No.", "is it", "false")]
    assert read("BoolQ", root, "test") == [("No.", "is it", None)]
    assert find_task("BoolQ").rows(root, "test")[0].id == "4"
    assert read("WiC", root, "train") == [("bank", "A bank.", "The bank.", "true")]


# Questions and common sense


def race_file(answers: str = "BD") -> str:
    options = [["a", "b", "c", "d"], ["e", "f", "g", "h"]]
    return json.dumps(
        {"id": "x", "article": "Text.", "questions": ["Q1?", "Q _ ."], "options": options, "answers": list(answers)}
    )


def test_race_has_several_questions_a_file_and_two_levels(published: Published) -> None:
    published("RACE/test/high/10.txt", race_file("AA"))
    published("RACE/test/high/9.txt", race_file("CC"))
    root = published("RACE/test/middle/2.txt", race_file())
    assert read("RACE", root, "test middle") == [
        ("Text.", "Q1?", ("a", "b", "c", "d"), 1),
        ("Text.", "Q _ .", ("e", "f", "g", "h"), 3),
    ]
    assert [label for *_, label in read("RACE", root, "test")] == [1, 3, 2, 2, 0, 0]
    assert len(read("RACE", root, "test high")) == 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (race_file("BE"), "1.txt: question 2 is not a text with options and the letter of one of them"),
        (race_file("B"), "1.txt has no article with as many questions as options and answers"),
        ("{", r"1\.txt:1: not JSON"),
        ("[" * 200_000, r"1\.txt: not JSON that can be read: its brackets are nested too deep"),
    ],
)
def test_a_damaged_file_of_race_is_named(published: Published, content: str, message: str) -> None:
    root = published("RACE/train/middle/1.txt", content)
    with pytest.raises(DataError, match=message):
        find_task("RACE").read(root, "train")


STORY_HEADER = [
    *("InputStoryid", "InputSentence1", "InputSentence2", "InputSentence3", "InputSentence4"),
    *("RandomFifthSentenceQuiz1", "RandomFifthSentenceQuiz2", "AnswerRightEnding"),
]


def stories(count: int) -> str:
    rows = [
        [f"id{n}", f"S{n}.", 'He said, "No."', "Then.", "So.", "One.", "Two.", str(1 + n % 2)] for n in range(count)
    ]
    return quoted_csv(STORY_HEADER, *rows)


@pytest.mark.parametrize(
    "name", ["cloze_test_val__spring2016.csv", "cloze_test_val__spring2016 - cloze_test_ALL_val.csv"]
)
def test_point_14_story_cloze_is_split_as_the_released_code_does(published: Published, name: str) -> None:
    """A permutation by the released seed gives the held-out 374, then the training stories."""
    root = published(f"StoryCloze/{name}", stories(1_871))
    task = find_task("StoryCloze")
    order = [f"id{place}" for place in np.random.RandomState(3535999445).permutation(1_871)]
    assert [example.id for example in task.rows(root, "valid")] == order[:374]
    assert [example.id for example in task.rows(root, "train")] == order[374:]


def test_a_story_is_four_sentences_and_its_answer_counts_from_one(published: Published) -> None:
    root = published("ROCStories/cloze_test_test__spring2016.csv", stories(2))
    assert read("StoryCloze", root, "test") == [
        ('S0. He said, "No." Then. So.', ("One.", "Two."), 0),
        ('S1. He said, "No." Then. So.', ("One.", "Two."), 1),
    ]


def test_too_few_stories_are_no_published_file(published: Published) -> None:
    root = published("StoryCloze/cloze_test_val__spring2016.csv", stories(374))
    with pytest.raises(DataError, match="374 stories are too few to hold out 374 of them"):
        find_task("StoryCloze").read(root, "train")


def test_swag_is_quoted_csv_with_four_endings(published: Published) -> None:
    header = [
        "",
        "video-id",
        "fold-ind",
        "startphrase",
        "sent1",
        "sent2",
        "gold-source",
        *(f"ending{n}" for n in range(4)),
    ]
    row = ["0", "v1", "18", "A, b. She", 'A, "b".', "She", "gold", "runs.", "sits.", "eats.", "is."]
    published("SWAG/train.csv", quoted_csv([*header, "label"], [*row, "2"]))
    root = published("SWAG/test.csv", quoted_csv(header, row))
    answers = ("runs.", "sits.", "eats.", "is.")
    assert read("SWAG", root, "train") == [('A, "b".', "She", answers, 2)]
    assert read("SWAG", root, "test") == [('A, "b".', "She", answers, None)]


def test_a_dialogue_of_dream_is_a_text_with_a_turn_a_line(published: Published) -> None:
    dialogue = [["M: Late?", "W: Yes."], [{"question": "Who?", "choice": ["M", "W", "X"], "answer": "W"}], "1-2"]
    root = published("DREAM/dev.json", json.dumps([dialogue]))
    assert read("DREAM", root, "valid") == [("M: Late?\nW: Yes.", "Who?", ("M", "W", "X"), 1)]
    published("DREAM/dev.json", json.dumps([[["M: Late?"], [{**dialogue[1][0], "answer": "Z"}], "1"]]))  # type: ignore[dict-item]
    with pytest.raises(DataError, match=r"dev\.json: dialogue 1 is not turns"):
        find_task("DREAM").rows(root, "valid")


def question(labels: str, key: str | None) -> dict[str, Any]:
    choices = [{"text": f"answer {label}", "label": label} for label in labels]
    row = {"id": "q1", "question": {"stem": "Why?", "choices": choices}}
    return row if key is None else {**row, "answerKey": key}


def test_arc_openbookqa_and_commonsenseqa_share_a_form(published: Published) -> None:
    published("ARC-V1-Feb2018-2/ARC-Easy/ARC-Easy-Dev.jsonl", json_lines(question("123", "2"), question("ABCDE", "E")))
    published("OpenBookQA/train.jsonl", json_lines(question("ABCD", "A")))
    root = published("CommonsenseQA/test_rand_split_no_answers.jsonl", json_lines(question("ABCDE", None)))
    assert [(len(choices), label) for _, choices, label in read("ARC-Easy", root, "valid")] == [(3, 1), (5, 4)]
    assert read("OpenBookQA", root, "train")[0][-1] == 0
    assert read("CommonsenseQA", root, "test")[0][-1] is None


def test_a_key_that_no_choice_has_is_named(published: Published) -> None:
    root = published("ARC/ARC-Challenge-Test.jsonl", json_lines(question("ABC", "A"), question("ABC", "D")))
    with pytest.raises(DataError, match=r"Test\.jsonl:2: column 'answerKey': 'D' is none of the choices A, B, C"):
        find_task("ARC-Challenge").rows(root, "test")


# Classification


def test_reviews_of_imdb_are_files_and_their_breaks_lines(published: Published) -> None:
    published("aclImdb/train/pos/10_9.txt", "Later.")
    published("aclImdb/train/pos/9_10.txt", "Good.<br /><br />Very.")
    root = published("aclImdb/train/neg/0_1.txt", "Bad.")
    assert read("IMDB", root, "train") == [("Bad.", "negative"), ("Good.\n\nVery.", "positive"), ("Later.", "positive")]


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("MR", {"negative": "rt-polarity.neg", "positive": "rt-polarity.pos"}),
        ("SUBJ", {"objective": "plot.tok.gt9.5000", "subjective": "quote.tok.gt9.5000"}),
    ],
)
def test_cornells_sentences_are_latin_1_in_a_file_a_class(
    published: Published, name: str, files: dict[str, str]
) -> None:
    for label, file in files.items():
        root = published(f"{name}/{file}", f'caf\xe9 is {label} \n" b \n', "latin-1")
    assert read(name, root, "train") == [(text, label) for label in files for text in (f"café is {label}", '" b')]


def test_a_class_that_is_not_there_is_named(published: Published) -> None:
    root = published("MR/rt-polarity.pos", "fine .\n")
    with pytest.raises(DataError, match=r"there is no rt-polarity\.neg in .*class 'negative' should be"):
        find_task("MR").read(root, "train")


def test_ag_news_is_quoted_csv_without_a_header(published: Published) -> None:
    root = published("ag_news_csv/train.csv", '"3","A ""title""","Some\\text, more"\n"1","B","C"\n')
    assert read("AG-News", root, "train") == [('A "title"', "Some\\text, more", "Business"), ("B", "C", "World")]


def test_a_table_with_other_columns_is_not_the_published_file(published: Published) -> None:
    root = published("RTE/train.tsv", tsv(["index", "text", "label"], ["0", "A", "1"]))
    with pytest.raises(DataError, match="has no column 'sentence1'; it is not the published file. It has: index, text"):
        find_task("RTE").read(root, "train")
