"""A language is named where the text shows it, and "undetermined" otherwise."""

from __future__ import annotations

import pytest

from foretext.texts.language import UNDETERMINED, language, languages


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("The house stood at the end of the road, and nobody had lived in it for years.", "English"),
        ("Das Haus stand am Ende der Straße, und niemand hatte seit Jahren darin gelebt.", "German"),
        ("La maison était au bout de la route et personne n'y avait vécu depuis des années.", "French"),
        ("La casa estaba al final del camino y nadie había vivido en ella durante años.", "Spanish"),
        ("Дом стоял в конце дороги, и никто не жил в нём уже много лет.", "Russian"),
        ("房子在路的尽头", "Chinese"),
        ("家は道の終わりにありました", "Japanese"),
        ("Το σπίτι ήταν στο τέλος του δρόμου", "Greek"),
    ],
)
def test_a_sentence_shows_its_language(text: str, named: str) -> None:
    assert language(text) == named
    assert language(text.upper()) == named


@pytest.mark.parametrize(
    "text", ["", "ERROR 12", "https://example.com/the/of/and/to", "👍👍", "Hello", "...", "a.b@c.de"]
)
def test_scraps_are_undetermined(text: str) -> None:
    assert language(text) == UNDETERMINED


def test_a_mixture_has_several_languages() -> None:
    found = languages("Le chat est sur la table et il dort. The cat is on the table and it is asleep.")
    assert set(found) == {"French", "English"}
    assert 0.5 < min(found.values()) / max(found.values()) <= 1


def test_a_menu_of_languages_does_not_outweigh_the_page() -> None:
    menu = "\n".join(["Deutsch", "Français", "Español", "Yorùbá", "Polski"])
    assert language(f"{menu}\nThe house stood at the end of the road, and nobody had lived in it.") == "English"
