"""The page at /: it loads nothing, runs no script but its own, and reads files as `predict` does."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from foretext.checkpoints.saved_model import SavedModel
from foretext.errors import DataError
from foretext.server.app import Server, Serving
from foretext.server.listening import Connection, bound, url_of
from foretext.serving.predictor import Predictor
from foretext.tasks.files.tables import TableOptions, iterate_rows

from .conftest import SCHEMAS, asking, error_of, get

CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
EVIL = "<img src=x onerror=document.title='owned'>"
ROOT = Path(__file__).parents[2]
# The checker of accessibility, where somebody has it: `npm install --no-save axe-core`, or AXE_CORE names the file.
AXE = Path(os.environ.get("AXE_CORE") or ROOT / "node_modules" / "axe-core" / "axe.min.js")


def test_the_page_loads_nothing_and_runs_its_own_script_alone(server: Server):
    response = get(server, "/")
    policy = response.headers["content-security-policy"]
    assert response.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!data:)""", response.text)
    assert "://" not in response.text
    assert not re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|\son\w+=", response.text)


def table(server: Server, content: bytes, **about: str) -> httpx.Response:
    headers = {"Content-Type": "application/octet-stream"}
    return asking(server, lambda client: client.post("/table", params=about, content=content, headers=headers))


FILES = {
    "plain.csv": b"id,text\n1,a cat\n2,the barn\n",
    "mark.csv": b"\xef\xbb\xbftext,id\na cat,1\n",
    "quoted.csv": b'text,id\r\n"a ""cat""\r\nin, the barn",1\r\n',
    "wide.csv": "text\na cat\n".encode("utf-16"),
    "old-mac.csv": b"text,id\ra cat,1\rthe barn,2\r",
    "tabs.tsv": b"text\tid\na cat\t1\n",
    "lines.jsonl": b'{"text": "a cat", "n": 1}\n{"text": "a dog", "n": null}\n',
    "formula.csv": b"text\n=1+1\n",
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_has_the_rows_that_the_command_reads(server: Server, tmp_path: Path, name: str):
    (tmp_path / name).write_bytes(FILES[name])
    expected = [dict(row.values) for row in iterate_rows(tmp_path / name)]
    found = table(server, FILES[name], name=name).json()
    assert found["rows"] == expected
    assert len(expected) > 0


def test_a_separator_is_said_by_the_person_and_not_guessed(server: Server, tmp_path: Path):
    content = b"text;a, b\na cat, a dog;1\n"
    assert "text;a" in error_of(table(server, content, name="excel.csv"))["message"], "it shows what was read"
    plain = table(server, content.replace(b"a, b", b"n"), name="excel.csv")
    (tmp_path / "excel.csv").write_bytes(content.replace(b"a, b", b"n"))
    with pytest.raises(DataError) as said:
        list(iterate_rows(tmp_path / "excel.csv"))
    assert plain.status_code == 422
    assert error_of(plain)["message"] == str(said.value).replace(f"{tmp_path}/", "")
    (tmp_path / "excel.csv").write_bytes(content)
    found = table(server, content, name="excel.csv", delimiter="semicolon").json()
    assert found == {
        "columns": ["text", "a, b"],
        "rows": [{"text": "a cat, a dog", "a, b": "1"}],
        "how": "CSV, separated by semicolons",
    }
    rows = iterate_rows(tmp_path / "excel.csv", TableOptions(delimiter="semicolon"))
    assert [row.values for row in rows] == found["rows"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("latin.csv", "text\nein Schlüssel\n".encode("cp1252"), "not UTF-8"),
        ("nothing.csv", b"", "empty"),
        ("other.csv", b"words\na cat\n", "text"),
        ("twice.csv", b"text,prediction\na cat,b\n", "prediction"),
        ("twice.csv", b"text,probability_a\na cat,b\n", "probability_a"),
        ("torn.csv", b'text,id\n"a cat,1\n', "quot"),
        ("bomb.csv", b"\x1f\x8b\x08\x00", "plain files"),
        ("book.xlsx", b"PK\x03\x04", "plain files"),
        ("book.csv", b"PK\x03\x04", "ZIP"),
        ("../../etc/passwd", b"text\na\n", "plain files"),
        ("", b"text\na\n", "plain files"),
        ("huge.jsonl", b'{"text": "a", "n": 1e999}\n', "finite"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_file_that_cannot_be_answered_is_refused(server: Server, name: str, content: bytes, message: str):
    response = table(server, content, name=name)
    assert response.status_code == 422
    assert message in error_of(response)["message"]


def test_a_name_with_dots_opens_nothing(server: Server):
    found = table(server, b"text\na cat\n", name="../../../../etc/hostname.csv").json()
    assert found["rows"] == [{"text": "a cat"}]


@contextmanager
def listening(hosted: dict[str, Predictor]) -> Iterator[str]:
    """The address of a server in a thread."""
    with bound("127.0.0.1", 0) as socket:
        config = uvicorn.Config(Server(Serving(hosted)).app, http=Connection, log_config=None, access_log=False)
        runner = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(runner.serve([socket])), daemon=True)
        thread.start()
        while not runner.started:
            thread.join(0.01)
        try:
            yield url_of(socket)
        finally:
            runner.should_exit = True
            thread.join(10)


@pytest.fixture(scope="module")
def address(model_of: Callable[[str], SavedModel]) -> Iterator[str]:
    kinds = ("classification", "tagging", "choice", "entailment", "regression")
    models = {kind: model_of(kind) for kind in kinds}
    schema = SCHEMAS["classification"].model_copy(update={"classes": (EVIL, "=1+1", "c")})
    evil = replace(model_of("classification"), task=schema)
    with listening(
        {name: Predictor.of(saved, device="cpu", precision="fp32") for name, saved in {**models, "evil": evil}.items()}
    ) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no chromium")
    with playwright.sync_playwright() as run:
        browser = run.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def view(browser: Any, address: str) -> Iterator[Any]:
    """The page in a browser, which must not complain."""
    view = browser.new_page(viewport={"width": 320, "height": 640})
    complaints: list[str] = []
    view.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    view.on("pageerror", lambda error: complaints.append(str(error)))
    here = (address, "data:", "blob:")
    view.on("request", lambda one: None if one.url.startswith(here) else complaints.append(one.url))
    view.goto(address)
    view.wait_for_selector("#field-0")
    yield view
    assert [line for line in complaints if "status of 4" not in line] == []
    assert view.evaluate("document.documentElement.scrollWidth == document.documentElement.clientWidth")
    assert view.title() == "Foretext"
    view.close()


def answered(view: Any) -> str:
    """What the status says at the end."""
    view.wait_for_selector("#stop[hidden]", state="attached")
    return str(view.text_content("#status"))


def test_texts_are_answered_by_keyboard_alone_and_said_to_a_screen_reader(view: Any):
    view.keyboard.press("Tab")  # the model
    view.keyboard.press("Tab")
    view.keyboard.type("a cat saw a dog\n\nthe barn")
    view.keyboard.press("Tab")
    view.keyboard.press("Space")
    view.keyboard.press("Tab")
    view.keyboard.press("Enter")
    assert answered(view) == "2 rows answered."
    assert view.get_attribute("#status", "aria-live") == "polite"
    assert view.locator("#list > li").count() == 2
    assert view.locator("#list > li").nth(1).locator(".text").text_content() == "the barn"
    numbers = view.locator("#list > li").nth(0).locator("dd.number").all_text_contents()
    assert sum(map(float, numbers)) == pytest.approx(1, abs=1e-3)
    view.keyboard.press("Tab")
    assert view.evaluate("document.activeElement.type") == "file", "a file can be chosen by keyboard"


def test_what_is_html_is_shown_as_text(view: Any, tmp_path: Path):
    name = "<img src=x onerror=alert(1)>.csv"
    (tmp_path / name).write_text(f'text,"{EVIL}"\n"a cat {EVIL}",{EVIL}\n')
    view.set_input_files("#file", tmp_path / name)
    view.wait_for_selector("#answer-file:enabled")
    assert EVIL in view.text_content("#found")
    view.check("#unknown")
    view.click("#answer-file")
    assert "1 row answered" in answered(view)
    assert EVIL in view.text_content("#list")
    assert view.locator("img").count() == 0
    view.select_option("#model", "evil")
    view.fill("#field-0", "a cat\na dog saw\nthe barn\nin\nsaw")
    view.check("#lines")
    view.click("#own button")
    assert answered(view) == "5 rows answered."
    assert EVIL in view.text_content("#about")
    assert EVIL in view.locator("dt").all_text_contents()
    assert view.locator("img").count() == 0
    with view.expect_download() as download:
        view.click("#download")
    download.value.save_as(tmp_path / "answers.csv")
    said = {row.values["prediction"] for row in iterate_rows(tmp_path / "answers.csv")}
    assert said <= {EVIL, "'=1+1", "c"}, "a class that would be a formula is text"


def test_a_file_is_answered_and_its_answers_are_downloaded(view: Any, tmp_path: Path):
    rows = "".join(f'{number},"a cat, ""{number}""\nsaw"\n' for number in range(70))
    (tmp_path / "cats.csv").write_text(f"id,text\n{rows}=1+1,a dog\n-3,a dog\n")
    view.set_input_files("#file", tmp_path / "cats.csv")
    view.wait_for_selector("#answer-file:enabled")
    assert "72 rows, CSV" in view.text_content("#found")
    view.click("#answer-file")
    assert answered(view) == "72 rows answered."
    with view.expect_download() as download:
        view.click("#download")
    out = tmp_path / "answers.csv"
    download.value.save_as(out)
    found = [row.values for row in iterate_rows(out)]
    assert [*found[0]] == ["id", "text", "prediction", "probability_a", "probability_b", "probability_c"]
    assert [row["id"] for row in found] == [*map(str, range(70)), "'=1+1", "-3"]
    assert found[7]["text"] == 'a cat, "7"\nsaw'
    assert all(row["prediction"] in "abc" for row in found)


def test_marked_parts_are_those_of_the_api_behind_an_emoji(view: Any, address: str):
    text = "🎉 a cat saw 🎉 a dog"
    asked = {"model": "tagging", "example": text}
    spans = httpx.post(f"{address}/predict", json=asked, trust_env=False).json()["answer"]["prediction"]
    view.select_option("#model", "tagging")
    view.fill("#field-0", text)
    view.click("#own button")
    assert answered(view) == "1 row answered."
    marked = view.evaluate("[...document.querySelectorAll('mark')].map(mark => mark.firstChild.textContent)")
    assert marked == [text[span["start"] : span["end"]] for span in spans]
    assert len(marked) > 0


def test_a_choice_and_a_pair_have_their_fields(view: Any):
    view.select_option("#model", "choice")
    view.fill("#field-0", "a cat saw a dog")
    view.fill("#field-1", "the barn\nthe dog")
    view.click("#own button")
    assert answered(view) == "1 row answered."
    assert re.search(r"\(answer [12]\)", view.text_content("#list"))
    view.select_option("#model", "entailment")
    view.fill("#field-0", "a cat")
    view.fill("#field-1", "a dog")
    view.click("#own button")
    assert answered(view) == "1 row answered."


def test_a_row_that_cannot_be_answered_has_its_error_and_the_others_their_answers(view: Any):
    view.select_option("#model", "choice")
    view.fill("#field-0", "a cat")
    view.fill("#field-1", "only one")
    view.click("#own button")
    assert "0 rows answered, 1 not" in answered(view)
    assert "two or more" in view.text_content("#list")
    view.fill("#field-0", "")
    view.click("#own button")
    assert view.text_content("#status") == "There is no text yet."


def test_a_separator_can_be_changed(view: Any, tmp_path: Path):
    (tmp_path / "excel.csv").write_text("text;n\na cat, a dog;1\n")
    view.set_input_files("#file", tmp_path / "excel.csv")
    view.wait_for_selector("#status.bad")
    assert "excel.csv" in view.text_content("#status")
    view.select_option("#separator", "semicolon")
    view.wait_for_selector("#answer-file:enabled")
    assert "semicolon" in view.text_content("#found")


def on_screen(view: Any, selector: str) -> bool:
    """Whether a person sees the element without scrolling."""
    place = "const {top, bottom} = document.querySelector(selector).getBoundingClientRect();"
    return bool(view.evaluate(f"selector => {{{place} return top >= 0 && bottom <= innerHeight;}}", selector))


def test_what_is_said_is_on_the_screen_of_a_phone(view: Any, tmp_path: Path):
    view.fill("#field-0", "a cat saw a dog")
    view.click("#own button")
    assert answered(view) == "1 row answered."
    assert on_screen(view, "#status")
    assert on_screen(view, "#list .said"), "and the answer itself"
    view.evaluate("scrollTo(0, 0)")
    (tmp_path / "excel.csv").write_text("text;n\na cat;1\n")
    view.set_input_files("#file", tmp_path / "excel.csv")
    view.wait_for_selector("#status.bad")
    assert on_screen(view, "#status")


def test_a_text_that_the_model_does_not_know_leads_to_the_box_and_not_to_a_field_of_the_api(view: Any):
    view.fill("#field-0", "Да и нет")
    view.click("#own button")
    said = answered(view)
    assert "unknown" in said
    assert "the box above has them answered" in said
    assert "allow_unknown" not in said


def test_a_file_is_answered_stopped_and_downloaded_by_keyboard_alone(view: Any, tmp_path: Path):
    (tmp_path / "cats.csv").write_text("text\n" + "a cat saw a dog\n" * 40)
    view.focus("#file")
    view.set_input_files("#file", tmp_path / "cats.csv")  # the browser's own dialogue stands between
    view.wait_for_selector("#answer-file:enabled")
    asked: list[Any] = []

    def hold(route: Any) -> None:
        asked.append(route)
        if len(asked) == 1:
            route.continue_()

    view.route("**/predict", hold)
    view.keyboard.press("Tab")
    view.keyboard.press("Tab")
    view.keyboard.press("Enter")
    assert view.evaluate("document.activeElement.id") == "answer-file"
    view.wait_for_selector("#list > li")
    view.keyboard.press("Tab")
    view.keyboard.press("Tab")
    assert view.evaluate("document.activeElement.id") == "stop"
    assert view.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    view.keyboard.press("Enter")
    assert answered(view) == "Stopped; 32 rows of 40 answered."
    assert view.evaluate("document.activeElement.id") == "status", "the place is not lost with the button"
    view.keyboard.press("Tab")
    view.keyboard.press("Tab")
    with view.expect_download() as download:
        view.keyboard.press("Enter")
    download.value.save_as(tmp_path / "answers.csv")
    assert len(list(iterate_rows(tmp_path / "answers.csv"))) == 32


ZOOMS = {
    "200 %": "document.body.style.zoom = 2",
    "text of 200 %": "document.documentElement.style.fontSize = '200%'",
}


@pytest.mark.parametrize("zoom", ZOOMS)
def test_nothing_leaves_the_page_when_it_is_enlarged(view: Any, zoom: str):
    view.set_viewport_size({"width": 640, "height": 480})
    view.evaluate(ZOOMS[zoom])
    view.fill("#field-0", "a cat saw " + "dog" * 60)
    view.check("#unknown")
    view.click("#own button")
    answered(view)
    outside = """[...document.querySelectorAll("main *")].filter(one => one.getClientRects().length
        && one.getBoundingClientRect().right > document.documentElement.getBoundingClientRect().right + 1)"""
    assert view.evaluate(f"{outside}.map(one => one.outerHTML)") == []


def found_by_axe(view: Any) -> set[str]:
    """The rules that the page breaks as it stands."""
    view.evaluate(AXE.read_text(encoding="utf-8"))
    found = view.evaluate("axe.run().then(found => [...found.violations, ...found.incomplete].map(one => one.id))")
    return set(found)


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not there: npm install --no-save axe-core, or AXE_CORE")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_any_state_of_the_page(view: Any, scheme: str, tmp_path: Path):
    view.emulate_media(color_scheme=scheme)
    assert found_by_axe(view) == set()
    for kind in ("tagging", "choice", "classification"):
        view.select_option("#model", kind)
        view.fill("#field-0", "a cat saw a dog " * 20)
        if kind == "choice":
            view.fill("#field-1", "the barn\nthe dog")
        view.click("#own button")
        answered(view)
        assert found_by_axe(view) == set(), kind
    (tmp_path / "excel.csv").write_text("text;n\na cat;1\n")
    view.set_input_files("#file", tmp_path / "excel.csv")
    view.wait_for_selector("#status.bad")
    assert found_by_axe(view) == set(), "an error"
    view.evaluate("document.querySelector('label[for=file]').remove()")
    view.evaluate("document.querySelector('#status').style.color = '#aaa'")
    assert found_by_axe(view) >= {"label"}, "it does look"
