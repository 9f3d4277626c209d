"""Stories: an opening, what happened and what it led to, and a close that looks back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from foretext.storyworld.closings import sayings
from foretext.storyworld.facts import Fact, State
from foretext.storyworld.narration import feeling, opening, statement, tell_event, uncapital
from foretext.storyworld.plots import NEUTRAL, Plot, add_thread, advance, new_plot
from foretext.storyworld.telling import Teller

SHORT_SHARE = 0.3  # how many tell of one event alone
OPENING_SHARE = 0.5  # of the others, how many say first who is there
SENTENCES = (3, 24)  # fewest and most of a story
WORDS = (10, 90)
EVENTS = (2, 3)
CAST = (2, 3)
NEUTRAL_SHARE = 0.4  # of the second threads, how many only put things or people somewhere
ADJECTIVE_SHARE = 0.5
FEELING_SHARE = 0.6  # after how many events somebody shows how it felt
STATEMENT_SHARE = 0.15  # after how many events it is said how things stand


@dataclass(frozen=True)
class Story:
    """A told story: its sentences, and the plot that knows its facts."""

    sentences: tuple[str, ...]
    plot: Plot

    @property
    def text(self) -> str:
        """Its sentences as one text."""
        return " ".join(self.sentences)

    @property
    def facts(self) -> dict[Fact, bool]:
        """What is settled at the end."""
        return self.plot.state.settled


def generate(count: int, seed: int) -> Iterator[Story]:
    """`count` stories, no two the same, none with a plot that is held out for tasks; the same for the same seed."""
    random = Random(f"stories {seed}")
    told: set[str] = set()
    while len(told) < count:
        plot = invent(random)
        story = None if plot.held_out else tell(plot, random)
        if story is not None and story.text not in told:
            told.add(story.text)
            yield story


def invent(random: Random) -> Plot:
    """A plot of two threads: one that matters to the hero, and one about somebody else; or of a single event."""
    if random.random() < SHORT_SHARE:
        plot = new_plot(random)
        advance(plot, random, add_thread(plot, random, plot.cast[0]))
        return plot
    plot = new_plot(random, people=random.randint(*CAST))
    hero = add_thread(plot, random, plot.cast[0])
    relation = random.choice(NEUTRAL) if random.random() < NEUTRAL_SHARE else None
    side = add_thread(plot, random, random.choice(plot.cast[1:]), relation)
    for thread in [hero, side, *random.choices((hero, side), k=random.randint(*EVENTS) - 2)]:
        advance(plot, random, thread)
    return plot


def tell(plot: Plot, random: Random) -> Story | None:
    """The story of a plot, or None where this telling comes out too short or too long."""
    teller = Teller(random, adjectives=ADJECTIVE_SHARE)
    opens = len(plot.threads) > 1 and random.random() < OPENING_SHARE
    sentences = [*(opening(plot, teller) if opens else ()), *_middle(plot, teller)]
    sentences += sayings(plot, teller)
    fits = WORDS[0] <= _words(sentences) <= WORDS[1] and SENTENCES[0] <= len(sentences) <= SENTENCES[1]
    return Story(tuple(sentences), plot) if fits else None


def _middle(plot: Plot, teller: Teller) -> Iterator[str]:
    """The events in order, some followed by how it felt or how things stand now."""
    state = State()
    for event, thread in zip(plot.events, plot.owners, strict=True):
        yield tell_event(event, teller)
        state.apply(event.changes)
        chance = teller.random.random()
        luck = state.value(thread.fact) if thread.fact else None
        if luck is not None and chance < FEELING_SHARE:
            yield feeling(thread.person, luck, teller)
        elif event.changes and chance > 1 - STATEMENT_SHARE:
            yield "Now " + uncapital(statement(*event.changes[0], teller))


def _words(sentences: list[str]) -> int:
    return sum(len(sentence.split()) for sentence in sentences)
