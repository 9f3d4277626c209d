"""The table of commands: what each does and what for, how it is typed, and where its recipe is.

A command is one recipe, a file of `recipes/`. Its flags come from the recipe's settings, its result says how it looks
(`lines`, `to_json`). Recipes are found by their names, so that no help, no `--print-settings` and no wrong flag loads
what the work needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast, runtime_checkable

if TYPE_CHECKING:
    from foretext.settings import Settings


# What commands are for, in the order of `foretext --help`.
Purpose = Literal[
    "Look at data", "Get a model", "Teach it a task", "Know what it is worth", "Use it", "Know what it is"
]


@dataclass(frozen=True)
class Command:
    """One command: what it does and what for, how it is typed, and which of its settings need no flag.

    The command `learn-tokenizer` is the function `learn_tokenizer(LearnTokenizerSettings)` in
    `foretext.recipes.learn_tokenizer`, its settings stand in `foretext.recipes.settings.learn_tokenizer`, so that they
    are known without what the work needs. `package` is where else to look, `verb` another name of the function, for a
    command like `import` that Python has a use for. A name of two words, `study layers`, is `study_layers` in
    `foretext.recipes.studies.layers`, its settings stand in `foretext.recipes.settings.study`, and its first word is
    one of the `GROUPS`.
    """

    name: str
    help: str
    example: str
    positionals: tuple[str, ...] = ()
    package: str = "foretext.recipes"
    verb: str = ""
    purpose: Purpose = field(kw_only=True)
    shared: bool = field(default=False, kw_only=True)  # whether several processes may share its work

    @property
    def settings(self) -> type[Settings]:
        """The class of its settings."""
        words = self._verb.split("_")
        home = import_module(f"{self.package}.settings.{self.words[0] if self.words[1:] else self._verb}")
        return cast("type[Settings]", getattr(home, f"{''.join(map(str.capitalize, words))}Settings"))

    @property
    def function(self) -> Callable[[Any], Result | None]:
        """The function that does it, and gives what there is to say."""
        place = self._verb
        if self.words[1:]:
            place = f"{GROUPS[self.words[0]].folder}.{self.words[1].replace('-', '_')}"
        home = import_module(f"{self.package}.{place}")
        return cast("Callable[[Any], Result | None]", getattr(home, self._verb))

    @property
    def _verb(self) -> str:
        return self.verb or self.name.replace("-", "_").replace(" ", "_")

    @property
    def words(self) -> list[str]:
        """The words it is typed as."""
        return self.name.split()


COMMANDS = (
    Command(
        "check",
        "Look at labelled files or raw text before anything learns from them: what is wrong, what may be, what cannot "
        "be judged. Leaves with 0 if they are sound, 1 if doubtful, 2 if unusable.",
        "foretext check reviews.csv --valid held-out.csv --report check.html",
        ("inputs",),
        purpose="Look at data",
    ),
    Command(
        "demo",
        "Show on made-up stories what pre-training is worth: every step from text to scores, in a few minutes.",
        "foretext demo --out foretext-demo",
        purpose="Know what it is",
    ),
    Command(
        "storyworld",
        "Write a corpus of made-up stories, and labelled tasks about them.",
        "foretext storyworld --stories 20000 --out stories",
        purpose="Know what it is",
    ),
    Command(
        "learn-tokenizer",
        "Learn a vocabulary from raw text.",
        "foretext learn-tokenizer books --size 8000 --out tokenizer",
        ("inputs",),
        purpose="Get a model",
    ),
    Command(
        "prepare",
        "Turn raw text into shards of token ids to train on.",
        "foretext prepare books --tokenizer tokenizer --out corpus",
        ("inputs",),
        purpose="Get a model",
    ),
    Command(
        "pretrain",
        "Train a language model on a prepared corpus.",
        "foretext pretrain corpus --preset mini --out run",
        ("corpus",),
        purpose="Get a model",
        shared=True,
    ),
    Command(
        "finetune",
        "Fine-tune a model on labelled examples.",
        "foretext finetune mini reviews.csv --text review --label stars --out run",
        ("model", "data"),
        purpose="Teach it a task",
        shared=True,
    ),
    Command(
        "evaluate",
        "Score a fine-tuned model on labelled examples.",
        "foretext evaluate run test.csv --report report.html",
        ("model", "data"),
        purpose="Know what it is worth",
        shared=True,
    ),
    Command(
        "predict",
        "Answer each row of a file with a fine-tuned model.",
        "foretext predict run new.csv --out answers.csv",
        ("model", "data"),
        purpose="Use it",
        shared=True,
    ),
    Command(
        "embed",
        "Turn each row of a file into a vector, the last layer's state.",
        "foretext embed run new.csv --out vectors.npy",
        ("model", "data"),
        purpose="Use it",
    ),
    Command(
        "serve",
        "Answer over HTTP with fine-tuned models, for programs and on a page, until it is stopped.",
        "foretext serve run --port 8000",
        ("models",),
        purpose="Use it",
    ),
    Command(
        "reproduce",
        "Fine-tune as the paper did, under several seeds, and put the results beside its figures.",
        "foretext reproduce RTE --seeds 3 --model mini",
        ("task",),
        purpose="Know what it is worth",
    ),
    Command(
        "submit",
        "Answer a hidden test set in the files that GLUE's server or Story Cloze's takes.",
        "foretext submit CoLA run --out answers",
        ("task", "run"),
        purpose="Know what it is",
    ),
    Command(
        "generate",
        "Write on from a prompt.",
        'foretext generate run "The old woman opened the door and"',
        ("model", "prompt"),
        purpose="Use it",
    ),
    Command(
        "perplexity",
        "Measure how well a model predicts the words of a text.",
        "foretext perplexity run novel.txt",
        ("model", "inputs"),
        purpose="Know what it is worth",
    ),
    Command(
        "recipe",
        "Show the paper's recipe, and where a model departs from it. Each choice that the paper or its code makes is a "
        "point with a number.",
        "foretext recipe run",
        ("run",),
        purpose="Know what it is",
    ),
    Command(
        "import",
        "Read a language model in the layout of OpenAI's release, of Hugging Face's transformers, or of GGUF.",
        "foretext import hf openai-community/openai-gpt --out gpt1",
        ("format", "source"),
        verb="import_model",
        purpose="Get a model",
    ),
    Command(
        "export",
        "Write a model for other programs: for ONNX Runtime, fine-tuned or not; or its language model in the layout of "
        "Hugging Face's transformers or of OpenAI's release.",
        "foretext export onnx run --out for-onnx",
        ("format", "model", "out"),
        verb="export_model",
        purpose="Use it",
    ),
    Command(
        "tasks",
        "List the published tasks that are known, and whether their files are at hand; or show one.",
        "foretext tasks RACE",
        ("name",),
        purpose="Know what it is",
    ),
    Command(
        "study layers",
        "Score against the number of layers transferred (Figure 2, left).",
        "foretext study layers mini CoLA SST-2 --train-rows 2000 --epochs 1 --out study",
        ("model", "tasks"),
        purpose="Know what it is worth",
    ),
    Command(
        "study zero-shot",
        "Answers without fine-tuning, over the updates of pre-training (Figure 2, right).",
        "foretext study zero-shot run lstm-run --tasks CoLA --tasks SST-2 --out study",
        ("models",),
        purpose="Know what it is worth",
    ),
    Command(
        "study ablations",
        "What pre-training, auxiliary loss and Transformer are worth (Table 5).",
        "foretext study ablations mini CoLA SST-2 --lstm lstm-run --train-rows 2000 --epochs 1 --out study",
        ("model", "tasks"),
        purpose="Know what it is worth",
    ),
    Command(
        "study data",
        "Score against the number of labels, with and without pre-training.",
        "foretext study data mini SST-2 --fewest 100 --points 6 --epochs 1 --out study",
        ("model", "tasks"),
        purpose="Know what it is worth",
    ),
    Command(
        "models",
        "List the models that can be called by name.",
        "foretext models --json",
        purpose="Get a model",
    ),
)


@dataclass(frozen=True)
class CommandGroup:
    """What commands of two words share that begin with the same one."""

    help: str
    folder: str  # of their recipes


GROUPS = {
    "study": CommandGroup("Repeat a study of the paper with a model and tasks: table, figure and report.", "studies"),
}


class Result(Protocol):
    """What a recipe returns: lines for a person, a tree of plain values for a program."""

    def lines(self) -> list[str]: ...

    def to_json(self) -> dict[str, Any]: ...


@runtime_checkable
class Verdict(Result, Protocol):
    """A result that judges, with the exit code that says how."""

    @property
    def exit_code(self) -> int:
        """What the command leaves with."""
        ...
