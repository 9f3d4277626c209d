"""Questions about a story: who, what and where. Every answer to choose from stands in the story."""

from __future__ import annotations

from random import Random

from foretext.storyworld.narration import narrate, opening
from foretext.storyworld.plots import add_thread, advance, new_plot
from foretext.storyworld.questions import questions
from foretext.storyworld.tasks.draw import draw
from foretext.storyworld.tasks.row import Labelled
from foretext.storyworld.telling import Teller, capital
from foretext.storyworld.words import Chance

ANSWERS = (3, 5)  # fewest and most
EVENTS = (4, 5)
RELATIONS = ("lucky", "lucky", "lucky", "put", "go", "has")


def examples(count: int, seed: int) -> list[Labelled]:
    """A document, a question, three to five answers, and the index of the right one."""
    return draw("reading", _example, count, seed)


def _example(random: Random, number: int) -> Labelled | None:
    plot = new_plot(random, people=3, places=4)
    threads = [add_thread(plot, random, person, random.choice(RELATIONS)) for person in plot.cast]
    for step in [*threads, *random.choices(threads, k=random.randint(*EVENTS) - len(threads))]:
        advance(plot, random, step)
    if not plot.held_out:
        return None
    teller = Teller(random)
    document = " ".join([*opening(plot, teller), *narrate(plot, teller)])
    asked = [question for question in questions(plot, teller) if len(question.others) >= ANSWERS[0] - 1]
    if not asked:
        return None
    question = random.choice([question for question in asked if isinstance(question.answer, Chance)] or asked)
    most = min(random.randint(*ANSWERS), len(question.others) + 1)
    answers = [capital(other.name) for other in random.sample(question.others, most - 1)]
    label = random.randrange(most)
    answers.insert(label, capital(question.answer.name))
    return Labelled((document, question.text), label, tuple(answers))
