"""Every planted defect is found, sound data raise no alarm, and every count says what it counts."""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import foretext
from foretext.checkup.finding import Checked, Finding
from foretext.checkup.labelled import doubts
from foretext.checkup.labels import looks_like
from foretext.cli import main
from foretext.errors import SettingsError
from foretext.recipes.check import check
from foretext.recipes.settings.check import CheckSettings
from foretext.recipes.settings.finetune import FinetuneSettings
from foretext.settings import leaves
from foretext.tasks.examples import Example
from foretext.tasks.files.columns import Columns
from foretext.tasks.kinds import KINDS
from foretext.tasks.labelled import LabelledData, LabelledDataSettings, read_labelled_data
from foretext.tasks.schema import learn_schema
from foretext.tokenizer import Tokenizer

Look = Callable[..., Checked]

PLACES = "the sea|a harbour|the old farm|a narrow street|the court|the hill|our garden|a small shop".split("|")
GOOD = "lovely warm bright kind clever funny gentle brave".split()
BAD = "dull cold weak cruel stupid boring rough cowardly".split()


@pytest.fixture
def look(tmp_path: Path) -> Look:
    """Checks text written to files: `look("a.csv text", valid="…", quick=True)`."""

    def looked(text: str | bytes, name: str = "train.csv", **settings: Any) -> Checked:
        given: dict[str, Any] = {"inputs": (str(_written(tmp_path / name, text)),)}
        for part in ("valid", "test"):
            if part in settings:
                given[part] = str(_written(tmp_path / f"{part}{Path(name).suffix}", settings.pop(part)))
        return check(CheckSettings.named({**given, **settings}))

    return looked


def _written(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    return path


def reviews(count: int = 300, seed: int = 0) -> list[tuple[str, str]]:
    """Made-up reviews, each different from all others, whose words tell their label."""
    draw = random.Random(seed)
    found: dict[str, str] = {}
    while len(found) < count:
        label = ("good", "bad")[len(found) % 2]
        words = GOOD if label == "good" else BAD
        one, two, three = draw.sample(words, 3)
        place = draw.choice(PLACES)
        names = draw.sample(["Anna", "Tom", "Peter", "Mary", "Jack", "Ruth"], 2)
        text = f"The story of {names[0]} and {names[1]} in {place} was {one} and {two}, and the end of it {three}."
        found.setdefault(text, label)
    return list(found.items())


def csv_of(rows: Sequence[Sequence[str]], header: str = "text,label") -> str:
    """Rows as CSV, texts quoted."""
    lines = (",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows)
    return "\n".join([header, *lines]) + "\n"


def found(checked: Checked, check: str, says: str = "") -> Finding:
    """The one finding of a check whose words hold `says`, or are no more than it."""
    if exact := [one for one in checked.findings if (one.check, one.says) == (check, says)]:
        return exact[0]
    (one,) = [finding for finding in checked.findings if finding.check == check and says in finding.says]
    return one


def lines_of(finding: Finding) -> list[str]:
    """The lines that it names."""
    return [place.rpartition(":")[2] for place in finding.places]


def names(checked: Checked) -> set[str]:
    """The checks that have doubts or worse."""
    return {finding.check for finding in checked.findings if finding.severity != "sound"}


def test_sound_rows_are_sound(look: Look) -> None:
    checked = look(csv_of(reviews()), test=csv_of(reviews(60, seed=9)))
    assert names(checked) <= {"near repeats"}  # made-up reviews are made of few words
    assert look(csv_of(reviews()), quick=True).exit_code == 0


def test_every_planted_defect_is_found_in_one_file(look: Look) -> None:
    plain = reviews(400)
    rows = [(text, label, f"row {k}") for k, (text, label) in enumerate(plain[:-20])]
    rows += [(plain[0][0], "good", "x"), (plain[1][0], "good", "x"), (f"  {plain[4][0].upper()}", "good", "x")]
    rows += [("", "good", "x"), ("The cafÃ© was lovely.", "good", "x"), ("The caf\ufffd was lovely.", "good", "x")]
    rows += [("A \x1b[31mlovely story.", "good", "x"), ("NA", "bad", "x")]
    rows += [("A fine story.", "Good", "x"), ("A sad story.", "bаd", "x"), ("A long story.", "rare", "x")]
    rows += [("Das Haus war sehr schön, und die Leute darin waren nicht böse auf uns.", "good", "x")]
    checked = look(
        csv_of(rows, "text,label,kept"),
        valid=csv_of([(plain[2][0], "good", "x"), *((*row, "x") for row in plain[-20:])], "text,label,kept"),
    )
    assert checked.verdict == "doubtful"
    assert names(checked) >= {
        "encoding",
        "repeats",
        "conflicts",
        "empty texts",
        "labels",
        "overlap",
        "languages",
    }
    assert found(checked, "repeats").counts["surplus rows"] == 3
    assert found(checked, "repeats").counts["surplus rows as written"] == 2
    assert found(checked, "conflicts").counts["groups"] == 1
    assert found(checked, "labels", "look alike").counts == {"groups": 2, "labels": 4, "rows of the rarer ones": 2}
    assert found(checked, "overlap").counts["rows"] == 1
    assert found(checked, "encoding", "damaged").counts == {"rows": 1, "rows that can be repaired": 1}
    assert found(checked, "encoding", "U+FFFD").counts == {"rows": 1, "characters": 1}
    assert found(checked, "encoding", "control").counts == {"rows": 1}
    assert found(checked, "words", "texts").counts == {"rows": 1}


def jsonl_of(rows: Sequence[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def questions(count: int = 30) -> list[dict[str, Any]]:
    """Made-up questions, each with three answers of its own."""
    texts = [text for text, _ in reviews(4 * count, seed=3)]
    return [
        {"question": texts[4 * k], "answers": texts[4 * k + 1 : 4 * k + 4], "label": "ABC"[k % 3]} for k in range(count)
    ]


def test_damage_in_answers_is_found(look: Look) -> None:
    rows = questions()
    rows[0]["answers"][1], rows[1]["answers"][0], rows[2]["answers"][2] = "the cafÃ©", "caf\ufffd", "\x1b[31mred"
    checked = look(jsonl_of(rows), "quiz.jsonl", quick=True)
    assert lines_of(found(checked, "encoding", "damaged")) == ["1"]
    assert lines_of(found(checked, "encoding", "U+FFFD")) == ["2"]
    assert lines_of(found(checked, "encoding", "control")) == ["3"]


def test_control_characters_of_damage_are_damage_alone(look: Look) -> None:
    rows = [*reviews(40), ("It wasnâ\x80\x99t a lovely story.", "good"), ("It wasn\x92t a dull one.", "bad")]
    checked = look(csv_of(rows), quick=True)
    assert lines_of(found(checked, "encoding", "damaged")) == ["42"]
    assert lines_of(found(checked, "encoding", "control")) == ["43"]


def test_the_order_of_answers_hides_no_repeat_and_no_conflict(look: Look) -> None:
    rows = questions()
    text, answers = rows[0]["question"], rows[0]["answers"]
    turned = {"question": text.upper(), "answers": answers[::-1]}
    same, other = {**turned, "label": "C"}, {**turned, "label": "A"}  # A of the first row, the same, another answer
    checked = look(jsonl_of([*rows, same]), "quiz.jsonl", valid=jsonl_of([other]), quick=True)
    assert found(checked, "repeats").counts["surplus rows"] == 1
    assert "conflicts" not in names(checked)
    assert found(checked, "overlap", "score").counts["rows with another label there"] == 1
    assert "conflicts" in names(look(jsonl_of([*rows, other]), "quiz.jsonl", quick=True))


def test_a_question_that_stands_in_training_with_other_answers_is_counted(look: Look) -> None:
    rows = questions()
    asked = {**rows[1], "question": rows[0]["question"]}
    checked = look(jsonl_of(rows), "quiz.jsonl", valid=jsonl_of([asked]), quick=True)
    assert found(checked, "overlap").counts == {"rows": 1, "rows by text 1": 1, "different texts": 1}
    assert found(checked, "overlap").severity == "sound"


def test_a_swapped_pair_repeats_where_order_means_nothing(look: Look) -> None:
    texts = [text for text, _ in reviews(60)]
    rows = [(texts[k], texts[k + 30], str(k % 5 + 0.5)) for k in range(30)]
    rows += [(rows[0][1], rows[0][0], "0.5"), (rows[1][1], rows[1][0], "4.5"), (texts[0], texts[0], "5")]
    checked = look(csv_of(rows, "sentence1,sentence2,score"), quick=True)
    assert found(checked, "repeats").counts == {"surplus rows": 2, "rows with another label there": 1}
    assert names(look(csv_of(rows, "premise,hypothesis,label"), kind="entailment", quick=True)).isdisjoint({"repeats"})


@pytest.mark.parametrize("kind", ["multi-label", "tagging"])
def test_classes_of_sets_and_spans_are_looked_at_by_their_names(look: Look, kind: str) -> None:
    classes = [["law", "sea"][k % 2] for k in range(30)] + ["Law", "se\u0430", "null", "cafÃ©"]
    rows = [
        {"text": text, "labels": [name, "war"]}
        if kind == "multi-label"
        else {"text": text, "spans": [{"start": 0, "end": 3, "label": name}, {"start": 4, "end": 9, "label": "war"}]}
        for (text, _), name in zip(reviews(34), classes, strict=True)
    ]
    checked = look(jsonl_of(rows), "train.jsonl", kind=kind, quick=True)
    assert found(checked, "labels", "look alike").counts == {"groups": 2, "labels": 4, "rows of the rarer ones": 2}
    assert found(checked, "labels", "fewer than").counts == {"classes": 4, "rows": 4}
    assert found(checked, "words").counts == {"labels": 1}
    assert lines_of(found(checked, "encoding", "labels")) == ["34"]
    assert found(checked, "labels", "labels of training").counts["different labels"] == 7


def test_short_texts_repeat_only_their_equals_and_empty_ones_nothing(look: Look) -> None:
    checked = look("text,label\nyes,a\nno,b\nyes,a\n,a\n,b\n")
    assert found(checked, "repeats").counts["groups"] == 1
    assert found(checked, "repeats").counts["rows"] == 2
    assert found(checked, "empty texts").counts == {"rows": 2}


def test_a_sentence_and_its_negation_are_a_contrast(look: Look) -> None:
    long = " ".join(f"word{chr(97 + k // 26)}{chr(97 + k % 26)}" for k in range(57))
    rows = [
        (f"{long} is good", "pos"),
        (f"{long} is not good", "neg"),
        ("it is good", "pos"),
        ("it is not good", "neg"),
    ]
    checked = look(csv_of(rows))
    assert found(checked, "near repeats", "contrasts").counts == {"pairs": 1, "rows": 2}
    assert "repeats" not in names(checked)


def test_overlap_counts_whole_rows_single_texts_and_swapped_pairs(look: Look) -> None:
    header = "sentence1,sentence2,label\n"
    checked = look(f"{header}a,b,1\nd,e,0\n", test=f"{header}b,a,1\nc,a,0\n", kind="similarity", labels="class")
    assert found(checked, "overlap", "other order").counts == {"rows": 1}
    assert found(checked, "overlap", "other order").severity == "doubtful"
    assert found(checked, "overlap", "a text alone").counts["rows"] == 2
    checked = look('text,label\n"A  good\nbook",a\nother,b\n', test="text,label\na good book,a\n")
    assert found(checked, "overlap").counts | {"groups": 1} == {
        "rows": 1,
        "rows as written": 0,
        "groups": 1,
        "rows with another label there": 0,
    }


def test_no_data_are_written_and_test_rows_are_for_people_to_look_at(look: Look, tmp_path: Path) -> None:
    rows = csv_of(reviews(60))
    checked = look(rows, valid=rows, test=rows)
    assert "Let people look" in found(checked, "overlap", "test that stand in training").says
    assert {file.read_text("utf-8") for file in tmp_path.iterdir()} == {rows}


def test_a_rare_class_is_not_judged_and_copies_under_a_wrong_label_are_suspects(look: Look) -> None:
    rows = [*reviews(400), ("A lovely warm bright kind story of Tom.", "bad")]
    rows += [("A lovely warm and kind story, brave and gentle.", "bad")] * 5 + [("A story.", "rare")]
    checked = look(csv_of(rows))
    assert "rare" in found(checked, "label noise", "not judged").examples[0]
    suspects = found(checked, "label noise", "suspects")
    assert sum("brave and gentle" in example for example in suspects.examples) == 5


def test_findings_are_the_same_in_every_process_and_groups_whatever_the_order_of_rows(
    look: Look, tmp_path: Path
) -> None:
    rows = [*reviews(200), *reviews(40)]
    path = tmp_path / "rows.csv"
    path.write_text(csv_of(rows), encoding="utf-8")
    told = set()
    for seed in ("0", "1", "random"):
        command = [sys.executable, "-m", "foretext", "check", str(path), "--json"]
        told.add(subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True).stdout)
    assert len(told) == 1
    shuffled = look(csv_of(random.Random(1).sample(rows, len(rows))))
    ordered = look(csv_of(rows))
    assert [(one.check, one.counts) for one in shuffled.findings] == [
        (one.check, one.counts) for one in ordered.findings
    ]


def test_rows_read_and_refused_are_all_rows_of_the_file(look: Look) -> None:
    checked = look('text,label\na,x\n"open,y\nc,x\nd,y\ne,x\n')
    assert list(checked.read.values()) == [{"rows read": 1, "rows refused": 4}]
    assert checked.exit_code == 2
    assert found(checked, "rows").places[0].endswith(":3")
    checked = look("text,label\na,x\nb,y\nc,x,more\n" + "\n".join(f"d{k},x" for k in range(3)) + "\n")
    assert list(checked.read.values()) == [{"rows read": 5, "rows refused": 1}]
    assert found(checked, "rows").places[0].endswith(":4")


@pytest.mark.parametrize("name", ["train.csv.gz", "train.csv"])
def test_rows_behind_an_open_quotation_mark_are_counted_in_every_file(look: Look, name: str) -> None:
    text = 'text,label\na,x\nb,y\n"open,x\nd,y\ne,x\n'
    data = gzip.compress(text.encode()) if name.endswith("gz") else text.encode("utf-16")
    checked = look(data, name, quick=True)
    assert list(checked.read.values()) == [{"rows read": 2, "rows refused": 3}]
    assert not [finding for finding in checked.findings if finding.check == "encoding"]


def test_a_refused_row_of_several_lines_is_one_row(look: Look) -> None:
    checked = look('text,label\n"one\ntwo\nthree",\na,x\nb,y\n', quick=True)
    assert found(checked, "rows").counts == {"rows refused": 1, "problems": 1}
    assert "quotation" not in found(checked, "rows").says


def test_mixed_encodings_are_said_to_be_mixed(look: Look) -> None:
    lines = [b"text,label", b"caf\xe9,x", "gr\u00fc\u00dfe,y".encode(), b"plain,x", b"sound,y"]
    mixed = found(look(b"\n".join(lines), quick=True), "encoding")
    assert mixed.counts == {"lines that are not UTF-8": 1, "UTF-8 beyond ASCII": 1, "lines": 5}
    assert "mixed" in mixed.says
    lines[2] = b"plain as well,y"
    assert "mixed" not in found(look(b"\n".join(lines), quick=True), "encoding").says


def test_a_header_in_the_middle_is_named_and_a_text_that_says_label_is_not(look: Look) -> None:
    checked = look("text,label\na,x\nlabel,y\nb,x\ntext,label\nc,y\n")
    refused = found(checked, "rows")
    assert refused.counts["rows refused"] == 1
    assert [place.rpartition(":")[2] for place in refused.places] == ["5"]


def test_words_that_others_read_as_nothing_are_classes(look: Look) -> None:
    labels = ["NA", "null", "None", "nan", "1", "1.0"]
    checked = look(csv_of([(f"text number {k}", label) for k, label in enumerate(labels * 5)]), kind="classification")
    assert [one.counts["different labels"] for one in checked.findings if one.says == "labels of training"] == [6]
    assert found(checked, "labels", "the writing of a number").counts["labels"] == 2
    assert found(checked, "words", "labels").counts == {"labels": 4}


def test_lengths_cuts_and_unknown_tokens_are_those_of_the_tokenizer(look: Look, tmp_path: Path) -> None:
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    Tokenizer.learn_from_texts(["one two three four five six seven"] * 3, 100).save(folder)
    numbers = "one two three four five six".split()
    full, over = " ".join(numbers), " ".join([*numbers, "seven"])
    checked = look(csv_of([(full, "a"), (over, "b"), ("👍", "a"), ("👎", "b")]), model=str(folder), context=8)
    assert found(checked, "cuts", "longer than").counts["rows"] == 1
    assert found(checked, "cuts", "equal to the model").counts == {
        "groups": 2,
        "rows": 4,
        "groups with several labels": 2,
    }
    assert found(checked, "unknown tokens").counts["rows"] == 2


def test_no_text_is_unknown_to_bytes(look: Look, tmp_path: Path) -> None:
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    Tokenizer.learn_from_texts(["one two three"] * 3, 300, mode="bytes").save(folder)
    checked = look(csv_of([("👍", "a"), ("👎", "b"), ("好", "a"), ("坏", "b")]), model=str(folder), context=32)
    assert not [one for one in checked.findings if one.check == "unknown tokens" or "equal to the model" in one.says]


def test_a_private_check_shows_no_text_of_the_data_anywhere(tmp_path: Path) -> None:
    secret = "SECRET-7 \x1b[31m<script>"
    path, page = tmp_path / "rows.csv", tmp_path / "page.html"
    rows = [(secret, "a"), (secret, "b"), (secret, "a"), ("x", "SECRET-7"), ("y", "secret-7"), ("z", "a")]
    path.write_text(csv_of(rows, "SECRET-7,label") + '"SECRET-7",b,c\n', encoding="utf-8")
    for flags in ([], ["--json"]):
        command = [sys.executable, "-m", "foretext", "check", str(path), "--text", "SECRET-7", "--report", str(page)]
        done = subprocess.run([*command, "--private", *flags], capture_output=True, text=True)
        told = done.stdout + done.stderr + page.read_text(encoding="utf-8")
        assert done.returncode == 2
        assert "conflicts" in told
        assert not [word for word in ("secret", "script>") if word in told.lower().replace("</script>", "")]
    open_page = subprocess.run(command, capture_output=True, text=True)
    assert "SECRET-7" in open_page.stdout
    told = open_page.stdout + page.read_text(encoding="utf-8")
    assert "\x1b" not in told
    assert "\\x1b" in told
    assert "<script>" not in page.read_text(encoding="utf-8")


def test_a_private_error_shows_no_text_either(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("SECRET-7,SECRET-8\na,b\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "foretext", "check", str(path), "--private"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "SECRET" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (csv_of(reviews(60)), 0),
        (csv_of([*reviews(60), reviews(1)[0]]), 1),
        ("text,label\na,x\nb\n", 2),
        ("text,label\na,x\nb,x\n", 2),
        (None, 2),
    ],
    ids=["sound", "doubtful", "damaged", "one class", "missing"],
)
def test_the_exit_code_is_the_verdict_and_json_stands_alone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str | None, code: int
) -> None:
    path = tmp_path / "rows.csv"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    assert main(["check", str(path), "--json", "--quick"]) == code
    if text is not None:
        assert json.loads(capsys.readouterr().out)["verdict"] == ("sound", "doubtful", "unusable")[code]


def test_a_closed_pipe_leaves_no_traceback(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(csv_of(reviews(60)), encoding="utf-8")
    command = f"{sys.executable} -m foretext check {path} --quick | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert "Traceback" not in done.stderr


def test_random_labels_give_no_list_and_flipped_ones_lead(look: Look) -> None:
    draw = random.Random(3)
    few = [(text, draw.choice(["good", "bad"])) for text, _ in reviews(40)]
    assert "cannot judge" in found(look(csv_of(few)), "label noise").says
    some = [(text, draw.choice(["good", "bad"])) for text, _ in reviews(300)]
    assert "cannot judge" in found(look(csv_of(some)), "label noise").says
    rows = reviews(600)
    flipped = draw.sample(range(600), 12)
    for row in flipped:
        rows[row] = (rows[row][0], {"good": "bad", "bad": "good"}[rows[row][1]])
    checked = look(csv_of(rows))
    first = [int(place.rpartition(":")[2]) - 2 for place in found(checked, "label noise").places[:12]]
    assert len(set(first) & set(flipped)) >= 10
    assert checked.exit_code == 1


def test_a_rare_class_is_not_all_in_doubt(look: Look) -> None:
    rare = [(f"The engine of car {k} lost oil and its wheel broke near {PLACES[k % 8]}.", "car") for k in range(12)]
    checked = look(csv_of([*reviews(588), *rare]))
    doubted = [one for one in checked.findings if one.check == "label noise" and "suspects" in one.says]
    assert sum(one.counts["suspects"] for one in doubted) < 6


def test_valid_utf8_is_never_doubted_and_a_bad_byte_is_named_with_its_place(look: Look) -> None:
    assert "encoding" not in names(look(csv_of([("grüß", "a"), ("Tschüß", "b")])))
    good = csv_of(reviews(600)).encode()
    bad = good[:50_000] + b"\xc4" + good[50_000:]
    checked = look(bad)
    encoding = found(checked, "encoding")
    assert encoding.counts == {"lines that are not UTF-8": 1, "UTF-8 beyond ASCII": 0, "lines": 601}
    assert "0xC4 behind 50,000 bytes" in encoding.says
    assert encoding.places[0].endswith(f":{good[:50_000].count(10) + 1}")
    assert "99.8% of the lines are UTF-8" in encoding.says
    assert look("text,label\ncaf\xe9,a\nth\xe9,b\nx,a\n".encode("cp1252")).exit_code == 2


def test_rows_of_another_language_are_named_and_scraps_are_undetermined(look: Look) -> None:
    scraps = [("ERROR 12", "good"), ("https://a.example/the/of", "bad"), ("👍", "good")]
    german = [("Das Haus war sehr alt, und die Leute darin waren nicht froh.", "good")]
    checked = look(csv_of([*reviews(100), *scraps, *german]))
    assert found(checked, "languages", "languages of").counts["undetermined"] == 3
    assert [place.rpartition(":")[2] for place in found(checked, "languages", "another").places] == ["105"]


def test_one_text_under_two_labels_is_asked_about_where_most_are(look: Look) -> None:
    twice = [(text, label) for text, _ in reviews(30) for label in ("good", "bad")]
    conflicts = found(look(csv_of(twice), quick=True), "conflicts")
    assert "at most 50.00%" in conflicts.says
    assert "multi-label" in conflicts.says
    assert conflicts.counts == {"groups": 30, "rows": 60, "texts that come again": 30}
    once = found(look(csv_of([*reviews(30), (reviews(1)[0][0], "bad")]), quick=True), "conflicts")
    assert "multi-label" not in once.says
    assert once.counts["groups"] == 1


def test_a_few_conflicts_among_many_rows_are_not_asked_about(look: Look) -> None:
    other = {"good": "bad", "bad": "good"}
    rows = [*reviews(900), *((text, other[label]) for text, label in reviews(900)[:4])]
    conflicts = found(look(csv_of(rows), quick=True), "conflicts")
    assert conflicts.counts == {"groups": 4, "rows": 8, "texts that come again": 4}
    assert "multi-label" not in conflicts.says


@pytest.mark.parametrize(("one", "other"), [("I", "a"), ("👍", "👎"), ("好", "坏")])
def test_every_word_counts_however_short(look: Look, one: str, other: str) -> None:
    rows = [
        (f"{word} {k % 7} {k % 11} {k % 13}", label) for k in range(120) for word, label in [(one, "x"), (other, "y")]
    ]
    assert "%" in found(look(csv_of(rows)), "learning curve").says


def test_texts_without_a_word_cannot_be_judged(look: Look) -> None:
    rows = [("!" * (k + 1), "xy"[k % 2]) for k in range(60)]
    assert "cannot judge" in found(look(csv_of(rows)), "label noise").says


def test_a_column_that_gives_the_label_away_is_named(look: Look) -> None:
    rows = [(text, label, f"id{k}", {"good": "5", "bad": "1"}[label]) for k, (text, label) in enumerate(reviews(100))]
    checked = look(csv_of(rows, "text,label,id,rating"), quick=True)
    (finding,) = [one for one in checked.findings if one.check == "columns"]
    assert "column 4" in finding.says
    assert "rating" in finding.examples[0]


def test_a_column_that_gives_scores_away_is_named_and_one_that_does_not_is_not(look: Look) -> None:
    draw = random.Random(1)
    scores = [draw.random() ** 3 * 1_000 for _ in range(300)]
    rows = [
        (text, f"{score:.3f}", f"{2 * score + 1:.2f}", str(draw.randrange(5)), f"{score + draw.gauss(0, 400):.2f}")
        for (text, _), score in zip(reviews(300), scores, strict=True)
    ]
    checked = look(csv_of(rows, "text,score,twice,chance,hint"), quick=True)
    assert found(checked, "columns").examples[0] == "column 'twice'"
    assert "99." in found(checked, "columns").says


def test_a_column_that_holds_the_right_answer_is_named(look: Look) -> None:
    rows = [{**row, "key": row["answers"]["ABC".index(row["label"])], "id": k} for k, row in enumerate(questions())]
    assert found(look(jsonl_of(rows), "quiz.jsonl", quick=True), "columns").examples[0] == "column 'key'"


def test_python_checks_examples_in_memory() -> None:
    rows = [*reviews(30), reviews(1)[0]]
    checked = foretext.check(rows, test=[rows[3]], quick=True)
    assert checked.exit_code == 1
    assert found(checked, "repeats").places == ("the examples, row 31",)
    assert checked.to_dict()["verdict"] == "doubtful"


def test_the_test_split_of_a_published_task_is_looked_at(tmp_path: Path) -> None:
    folder = tmp_path / "TREC"
    folder.mkdir()
    classes = {"good": "HUM", "bad": "LOC"}
    for name, rows in (("TREC.train", reviews(100)), ("TREC.test", [*reviews(21, seed=5)[1:], reviews(100)[7]])):
        lines = "".join(f"{classes[label]}:x {text}\n" for text, label in rows)
        (folder / name).write_text(lines, encoding="latin-1")
    task = {"task": "TREC", "data": str(folder), "quick": True}
    checked = check(CheckSettings.named(task))
    assert checked.read == {"training": {"rows read": 100}, "test": {"rows read": 21}}
    assert found(checked, "overlap").counts["rows"] == 1
    for given in ({"inputs": ("train.csv",)}, {"valid": "valid.csv"}, {"test": "test.csv"}):
        with pytest.raises(SettingsError, match="either the task or examples"):
            check(CheckSettings.named({**task, **given}))


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [("1", "1.0", True), ("0", "00", True), ("yes", "yes\ufeff", True), ("no", "n\u200bo", True), ("1", "-1", False)],
)
def test_labels_are_hardly_different_by_what_is_seen_and_numbers_by_their_value(one: str, other: str, alike: bool):
    assert (looks_like(one) == looks_like(other)) is alike


def test_sampled_rows_are_said(look: Look) -> None:
    checked = look(csv_of(reviews(100)), sample=40)
    assert [part.split(" rows")[0] for part in checked.sampled] == ["40 of 100"]


def test_fine_tuning_says_before_it_starts_what_the_quick_checks_say(look: Look, tmp_path: Path) -> None:
    rows = [(text, label, label[0]) for text, label in reviews(100)]
    rows += [(rows[0][0], "good", "g"), (rows[1][0].upper(), "good", "g"), (" ", "bad", "b"), ("Fine.", "Good", "G")]
    checked = look(csv_of(rows, "text,label,code"), valid=csv_of([rows[2]], "text,label,code"), quick=True)
    files = LabelledDataSettings.named({"data": tmp_path / "train.csv", "valid": tmp_path / "valid.csv"})
    said = doubts(read_labelled_data(files, seed=0))
    doubtful = [finding for finding in checked.findings if finding.severity != "sound"]
    assert {finding.check for finding in doubtful} == {
        "empty texts", "labels", "repeats", "conflicts", "overlap", "columns",
    }  # fmt: skip
    assert len(said) == len(doubtful)
    assert all(any(line.startswith(finding.lines()[0]) for line in said) for finding in doubtful)


def test_fine_tuning_says_that_there_are_no_doubts() -> None:
    examples = [Example((text,), label=label) for text, label in reviews(40)]
    schema = learn_schema(examples, kind=KINDS["classification"], columns=Columns(("text",), label="label"))
    assert doubts(LabelledData(schema, examples, ())) == ["the quick checks of the data have no doubts"]


def test_a_flag_that_splits_or_draws_examples_is_no_flag_of_check_which_reads_all() -> None:
    known = leaves(CheckSettings)
    assert not {"validation", "train_rows"} & known.keys()
    assert "split off" not in known["valid"].help
    assert leaves(FinetuneSettings)["valid"].help.endswith("a share of the training examples is split off.")
