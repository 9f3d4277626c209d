"""Who and what there is in the world: people, things, animals and places, with the forms that grammar needs.

Each of them exists once, so two are the same only if they are one object.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody with a first name, spoken of as she or he."""

    name: str
    she: bool

    @property
    def subject(self) -> str:
        """she or he."""
        return "she" if self.she else "he"

    @property
    def object(self) -> str:
        """her or him."""
        return "her" if self.she else "him"

    @property
    def possessive(self) -> str:
        """her or his."""
        return "her" if self.she else "his"


@dataclass(frozen=True, eq=False)
class Thing:
    """Something that can be had, lost or broken, or an animal that can run away; `plural` as in "the boots were"."""

    noun: str
    plural: bool = False

    @property
    def name(self) -> str:
        """What it is called where it is known, "the boots"."""
        return f"the {self.noun}"

    @property
    def subject(self) -> str:
        """they or it."""
        return "they" if self.plural else "it"

    @property
    def object(self) -> str:
        """them or it."""
        return "them" if self.plural else "it"

    @property
    def was(self) -> str:
        """The verb behind it in the past, "were" or "was"."""
        return "were" if self.plural else "was"


@dataclass(frozen=True, eq=False)
class Place:
    """Somewhere, with its preposition: "by the river"."""

    name: str


@dataclass(frozen=True, eq=False)
class Chance:
    """Something that comes one's way, welcome or not: "a medal", "a toothache"."""

    name: str
    welcome: bool

    def described(self, adjective: str) -> str:
        """The name with an adjective that begins with a consonant: "a lovely orange"."""
        article, noun = self.name.split(" ", 1)
        return f"{'a' if article == 'an' else article} {adjective} {noun}"


Entity = Person | Thing | Place | Chance

_SHE = "Ada Amy Beth Cora Emma Jane Kate Lily Mary Nora Rosa Tina"
_HE = "Ben Carl David Fred Hugo Jack Leo Mark Paul Sam Tom Will"

PEOPLE = tuple(Person(name, she=True) for name in _SHE.split()) + tuple(Person(name, she=False) for name in _HE.split())

THINGS = tuple(
    Thing(noun)
    for noun in """ball basket bell boat book bottle box brush bucket camera cap clock coat cup doll drum fan flag
    flute hat jar kite knife ladder lamp map mask mirror pen picture plate purse puppet radio ring rope scarf spoon
    sled sword top train vase watch whistle""".split()
) + tuple(Thing(noun, plural=True) for noun in "boots cards gloves keys marbles mittens pencils shoes skates".split())

PETS = tuple(Thing(noun) for noun in "cat dog donkey duck goat goose hen lamb parrot pony puppy rabbit".split())

PLACES = tuple(
    Place(name)
    for name in (
        *("at the beach", "at the farm", "at the market", "at the mill", "at the station", "at the school"),
        *("by the bridge", "by the fence", "by the gate", "by the lake", "by the river", "by the well"),
        *("in the attic", "in the barn", "in the cellar", "in the church", "in the forest", "in the garden"),
        *("in the kitchen", "in the library", "in the meadow", "in the park", "in the shed", "in the street"),
        *("behind the house", "near the tower", "on the hill", "on the stairs", "under the oak", "under the table"),
    )
)

# What comes one's way. Nothing but the word tells whether it is welcome: the same sentences are told of both.
GIFTS = tuple(
    Chance(name, welcome=True)
    for name in (
        *("a medal", "a prize", "a present", "a kiss", "a hug", "a cake", "a pie", "a rose", "a pearl", "a crown"),
        *("a treasure", "a coin", "a peach", "a plum", "a pear", "a melon", "a cherry", "an orange", "a kitten"),
        *("a foal", "a feast", "a party", "a song", "a dance", "a reward", "a pillow", "a bicycle", "a story"),
        *("a puzzle", "a ribbon", "a necklace", "a bracelet", "a jewel", "a diamond", "a ruby", "a swing"),
        *("a holiday", "a picnic", "a ticket", "a toy", "a sweet", "a biscuit", "a tart", "a pudding", "some cream"),
        *("some jam", "some honey", "some chocolate", "some lemonade", "some silk", "a lily", "a tulip", "a daisy"),
        *("a butterfly", "a blessing", "a bonus", "a harp", "a sofa", "a palace", "a yacht", "a fortune"),
    )
)
TROUBLES = tuple(
    Chance(name, welcome=False)
    for name in (
        *("a slap", "a scolding", "a bill", "a fine", "a splinter", "a cough", "a fever", "a headache"),
        *("a toothache", "a bruise", "a blister", "a rash", "a burn", "a scratch", "a bite", "a kick", "a curse"),
        *("a warning", "a threat", "an insult", "a lecture", "a beating", "a rat", "a snake", "a spider", "a wasp"),
        *("a flea", "a thorn", "a nail", "a rag", "a debt", "a lie", "a nightmare", "a shock", "a fright", "a cut"),
        *("a limp", "a stain", "a leak", "a flood", "a frost", "a thief", "a robber", "a bully", "a liar"),
        *("a ghost", "a wolf", "a skunk", "some smoke", "some dust", "some slime", "some poison", "a trap"),
        *("a cage", "a sprain", "a boil", "a scar", "a tax", "a grave", "a ruin", "a weed", "a maggot"),
    )
)

WELCOME = ("lovely", "nice", "splendid", "good")
UNWELCOME = ("nasty", "horrid", "dreadful", "bad")
COLOURS = ("black", "blue", "brown", "green", "grey", "red", "white", "yellow")
WEATHER = ("bright", "cloudy", "cool", "foggy", "mild", "quiet", "sunny", "windy")
TIMES = ("afternoon", "day", "evening", "morning")
