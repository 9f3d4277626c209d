"""What is doubtful in raw text is found; books are not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from foretext.checkup.finding import Checked, Finding
from foretext.errors import DataError, SettingsError
from foretext.recipes.check import check
from foretext.recipes.settings.check import CheckSettings


def look(*inputs: Path, **settings: Any) -> Checked:
    """The findings about raw text in files."""
    return check(CheckSettings.named({"inputs": tuple(map(str, inputs)), **settings}))


def written(path: Path, texts: list[str]) -> Path:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return path


def numbered(letter: str, count: int) -> str:
    return " ".join(f"{letter}{chr(97 + k // 26)}{chr(97 + k % 26)}" for k in range(count))


def found(checked: Checked, check: str, says: str = "") -> Finding:
    (one,) = [finding for finding in checked.findings if finding.check == check and says in finding.says]
    return one


def test_every_planted_defect_of_a_corpus_is_found(tmp_path: Path) -> None:
    own = [f"{numbered(f'own{chr(97 + k)}', 60)}" for k in range(12)]
    licence = numbered("licence", 40)
    texts = [f"{licence}\n{text}" for text in own[:4]] + own[4:]
    texts += [
        own[5],
        own[6].replace("owngac", "changed"),
        "",
        "The cafÃ© was closed.",
        "A lost \ufffd letter.",
        "A \x1b[31mred letter.",
    ]
    texts += ["\n".join(f"{k} | {k * 7} | {k * 13}" for k in range(30))]
    texts += ["The house stood at the end of the road, and nobody had lived in it for years. " * 6]
    texts += ["Das Haus stand am Ende der Straße, und niemand hatte seit Jahren darin gelebt."]
    checked = look(written(tmp_path / "a.jsonl", texts))
    assert checked.exit_code == 1
    assert found(checked, "repeats").counts == {"surplus documents": 1}
    assert found(checked, "near repeats").counts == {
        "pairs": 1, "documents": 2, "pairs with the same numbers and negations": 1,
    }  # fmt: skip
    assert found(checked, "passages").counts == {"documents": 4, "words": 160}
    assert found(checked, "empty texts").counts == {"documents": 1}
    assert found(checked, "encoding", "damaged").examples == ("Ã© → é",)
    assert found(checked, "encoding", "U+FFFD").counts == {"documents": 1, "characters": 1}
    assert found(checked, "encoding", "control").counts == {"documents": 1}
    assert found(checked, "layout").counts["documents that are mostly lists or tables"] == 1
    assert [place.rpartition(":")[2] for place in found(checked, "languages", "another").places] == ["21"]


def test_different_documents_are_sound(tmp_path: Path) -> None:
    for k in "abc":
        (tmp_path / f"{k}.txt").write_text(numbered(k, 200), encoding="utf-8")
    assert look(tmp_path).verdict == "sound"


def test_what_cannot_be_read_of_raw_text_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"caf\xe9\nand more\n")
    assert sum(found(look(tmp_path / "a.txt"), "reading").counts.values()) == 1


def test_a_prepared_corpus_holds_no_text_to_look_at(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="holds no text any more"):
        look(tmp_path)


def test_raw_text_and_labelled_examples_are_not_mixed(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("words", encoding="utf-8")
    (tmp_path / "b.csv").write_text("text,label\na,b\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="one after the other"):
        look(tmp_path / "a.txt", tmp_path / "b.csv")


def test_a_private_check_shows_no_raw_text(tmp_path: Path) -> None:
    texts = ["SECRET cafÃ© " + numbered("word", 60)] * 2 + ["SECRET " + numbered("word", 60)]
    checked = look(written(tmp_path / "a.jsonl", texts), private=True)
    assert checked.exit_code == 1
    assert "SECRET" not in "\n".join(checked.lines()) + json.dumps(checked.to_json())
