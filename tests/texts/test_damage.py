"""Only what is surely damaged is repaired, and nothing around it."""

from __future__ import annotations

import pytest

from foretext.texts.damage import damage_of, has_control


@pytest.mark.parametrize(
    ("damaged", "was"),
    [
        ("– SmÃ¥", "– Små"),
        ("Ã…rhus", "Århus"),
        ("itâ€™s", "it’s"),
        ("â\x80\x9cHelloâ\x80\x9d", "“Hello”"),
        ("goÃ»t", "goût"),
        ("ðŸ˜€", "😀"),
        ("Ð¿Ñ€Ð¸Ð²ÐµÑ‚", "привет"),
        ("cafÃƒÂ©", "café"),
        ("20 Â£", "20 £"),
    ],
)
def test_what_decodes_without_loss_is_repaired_and_its_surroundings_stay(damaged: str, was: str) -> None:
    assert damage_of(damaged).repaired == was


@pytest.mark.parametrize(
    "sound",
    [
        "ÉCOLE",
        "CAFÉ»",
        "«AMANHÃ»",
        "„SÜÄ“ sagte sie",
        "naïve façade – “ok”",
        "grüß Gott",
        "привет, мир",
        "好坏",
        'The bytes of "é" read as Latin-1 are "Ã©".',
        "What is mojibake? cafÃ© for café.",
    ],
)
def test_sound_text_and_text_about_damage_stay_as_they_are(sound: str) -> None:
    assert damage_of(sound).repaired == sound
    assert not damage_of(sound).sure


def test_a_lost_character_is_counted_and_never_filled() -> None:
    found = damage_of("caf\ufffd and na\ufffdve")
    assert (found.lost, found.repaired) == (2, "caf\ufffd and na\ufffdve")


def test_what_is_not_sure_is_named_and_stays() -> None:
    found = damage_of("10Â°C")
    assert (found.repaired, found.doubtful) == ("10Â°C", ("Â°",))


@pytest.mark.parametrize("text", ["cafÃƒÂ© – SmÃ¥", "Ã…rhus ÉCOLE 10Â°C", "ÃƒÆ’Ã‚Â©", "x\ufffd", "Ð¿Ñ€Ð¸ CAFÉ»"])
def test_to_repair_what_is_repaired_changes_nothing(text: str) -> None:
    once = damage_of(text).repaired
    assert damage_of(once).repaired == once


def test_control_characters_are_those_that_no_text_is_laid_out_with() -> None:
    assert not any(map(has_control, ["a\tb\r\nc", "page\x0cbreak", "plain", "grüß 👍"]))
    assert all(map(has_control, ["\x1b[31m", "back\x08space", "don\x92t", "\x9b2J", "a\x7f"]))
