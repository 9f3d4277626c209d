"""Published data sets beyond the paper's, of the same kinds: inference, questions, common sense, classification."""

from __future__ import annotations

from foretext.tasks.labels.answers import AnswerLabels
from foretext.tasks.labels.scores import ScoreLabels
from foretext.tasks.published import copa, dpr, dream, openbookqa, trec
from foretext.tasks.published.by_class import ByClassReader
from foretext.tasks.published.questions import read_questions
from foretext.tasks.published.splits import Files, SplitReader
from foretext.tasks.published.table_reader import Layout, TableReader
from foretext.tasks.task import Task

GLUE_PAGE = "https://gluebenchmark.com/tasks"
_SUPERGLUE_PAGE = "https://super.gluebenchmark.com/tasks"

_WNLI_FILES: Files = {"train": ("train.tsv",), "valid": ("dev.tsv",), "test": ("test.tsv",)}
WNLI = Task(
    "WNLI",
    "entailment",
    "accuracy",
    TableReader(_WNLI_FILES, (Layout(("sentence1", "sentence2"), "label", id="index"),)),
    ("sentence1", "sentence2"),
    source="Levesque et al. 2012, as in Wang et al. 2018",
    url=GLUE_PAGE,
    licence="CC BY 4.0",
    classes=("0", "1"),
    glue=("accuracy",),
    published={"train": 635, "valid": 71, "test": 146},
    submissions={"test": "WNLI.tsv"},
    note="Made so that what is learned from the training examples misleads. The test labels are not public.",
)

_AX_FILES: Files = {"test": ("diagnostic.tsv", "AX.tsv")}
AX = Task(
    "AX",
    "entailment",
    "matthews",
    TableReader(_AX_FILES, (Layout(("sentence1", "sentence2"), "label", id="index"),)),
    ("premise", "hypothesis"),
    source="Wang et al. 2018",
    url=GLUE_PAGE,
    licence="research",
    classes=("contradiction", "entailment", "neutral"),
    folders=("diagnostic",),
    published={"test": 1_104},
    submissions={"test": "AX.tsv"},
    note="GLUE's diagnostic pairs, which a model of MNLI answers: `foretext submit MNLI`. The file has no labels.",
)

_SICK_LAYOUTS = {  # SICK.txt is one file for all splits
    label: (
        Layout(
            ("sentence_A", "sentence_B"),
            label,
            id="pair_ID",
            split=("SemEval_set", {"train": "TRAIN", "valid": "TRIAL", "test": "TEST"}),
        ),
        Layout(("sentence_A", "sentence_B"), old, id="pair_ID"),
    )
    for label, old in {"entailment_label": "entailment_judgment", "relatedness_score": "relatedness_score"}.items()
}
_SICK_FILES: Files = {
    "train": ("SICK_train.txt", "SICK.txt"),
    "valid": ("SICK_trial.txt", "SICK.txt"),
    "test": ("SICK_test_annotated.txt", "SICK.txt"),
}
_SICK_PUBLISHED = {  # of SICK.txt, and of the files of SemEval 2014, which hold 87 pairs more
    "train": 4_439,
    "valid": 495,
    "test": 4_906,
    "SICK_train.txt": 4_500,
    "SICK_trial.txt": 500,
    "SICK_test_annotated.txt": 4_927,
}
SICK_E = Task(
    "SICK-E",
    "entailment",
    "accuracy",
    TableReader(_SICK_FILES, _SICK_LAYOUTS["entailment_label"]),
    ("sentence_A", "sentence_B"),
    source="Marelli et al. 2014",
    url="https://zenodo.org/records/2787612",
    licence="CC BY-NC-SA 3.0",
    classes=("CONTRADICTION", "ENTAILMENT", "NEUTRAL"),
    folders=("SICK",),
    published=_SICK_PUBLISHED,
    note="The labels are ENTAILMENT, NEUTRAL and CONTRADICTION. SICK-R has the scores of the same pairs.",
)
SICK_R = Task(
    "SICK-R",
    "similarity",
    "pearson",
    TableReader(_SICK_FILES, _SICK_LAYOUTS["relatedness_score"], labels=ScoreLabels()),
    ("sentence_A", "sentence_B"),
    source="Marelli et al. 2014",
    url="https://zenodo.org/records/2787612",
    licence="CC BY-NC-SA 3.0",
    folders=("SICK",),
    published=_SICK_PUBLISHED,
    note="Scores from 1 to 5. SICK-E has the labels of the same pairs.",
)


_ANLI_PUBLISHED = {1: (16_946, 1_000, 1_000), 2: (45_460, 1_000, 1_000), 3: (100_459, 1_200, 1_200)}


def _anli(number: int) -> Task:
    files: Files = {
        split: (f"R{number}/{name}.jsonl",)
        for split, name in {"train": "train", "valid": "dev", "test": "test"}.items()
    }
    return Task(
        f"ANLI-R{number}",
        "entailment",
        "accuracy",
        TableReader(
            files,
            (Layout(("context", "hypothesis"), "label", id="uid"),),
            names={"e": "entailment", "n": "neutral", "c": "contradiction"},
        ),
        ("context", "hypothesis"),
        source="Nie et al. 2020",
        url="https://github.com/facebookresearch/anli",
        licence="CC BY-NC 4.0",
        classes=("contradiction", "entailment", "neutral"),
        folders=("ANLI", "anli_v1.0"),
        published=dict(zip(files, _ANLI_PUBLISHED[number], strict=True)),
        note=f"Round {number} of three, each collected against a stronger model.",
    )


OPENBOOKQA = Task(
    "OpenBookQA",
    "choice",
    "accuracy",
    openbookqa.READER,
    ("question",),
    source="Mihaylov et al. 2018",
    url="https://allenai.org/data/open-book-qa",
    licence="Apache-2.0",
    published={"train": 4_957, "valid": 500, "test": 500},
    note="Without the book: the question and its four answers alone.",
)


_ARC_PUBLISHED = {"Easy": (2_251, 570, 2_376), "Challenge": (1_119, 299, 1_172)}


def _arc(level: str) -> Task:
    files: Files = {
        split: (f"ARC-{level}/ARC-{level}-{name}.jsonl", f"ARC-{level}-{name}.jsonl")
        for split, name in {"train": "Train", "valid": "Dev", "test": "Test"}.items()
    }
    return Task(
        f"ARC-{level}",
        "choice",
        "accuracy",
        SplitReader(files, read_questions),
        ("question",),
        source="Clark et al. 2018",
        url="https://allenai.org/data/arc",
        licence="CC BY-SA 4.0",
        folders=("ARC", "ARC-V1-Feb2018-2", "ARC-V1-Feb2018"),
        published=dict(zip(files, _ARC_PUBLISHED[level], strict=True)),
        note="Questions have three to five answers, labelled by letters or by numbers.",
    )


COPA = Task(
    "COPA",
    "choice",
    "accuracy",
    copa.READER,
    ("premise", "relation"),
    source="Roemmele et al. 2011",
    url="https://people.ict.usc.edu/~gordon/copa.html",
    licence="BSD-2",
    published={"train": 500, "test": 500},
    note='The development set is what one trains on. What is asked for becomes a word behind the premise, "because" or '
    '"so".',
)

DPR = Task(
    "DPR",
    "choice",
    "accuracy",
    dpr.READER,
    ("sentence", "pronoun"),
    source="Rahman and Ng 2012",
    url="https://www.hlt.utdallas.edu/~vince/data/emnlp12/",
    licence="research",
    published={"train": 1_322, "test": 564},
    note="The paper answers it without training. Of several such pronouns the first behind both candidates is meant.",
)

_SWAG_FILES: Files = {"train": ("train.csv",), "valid": ("val.csv",), "test": ("test.csv",)}
SWAG = Task(
    "SWAG",
    "choice",
    "accuracy",
    TableReader(
        _SWAG_FILES,
        (Layout(("sent1", "sent2"), "label", answers=tuple(f"ending{number}" for number in range(4)), id="video-id"),),
        labels=AnswerLabels("index0"),
    ),
    ("sent1", "sent2"),
    source="Zellers et al. 2018",
    url="https://rowanzellers.com/swag/",
    licence="MIT",
    published={"train": 73_546, "valid": 20_006, "test": 20_005},
    note="sent2 is the beginning of the sentence that the endings finish. The test labels are not public.",
)

DREAM = Task(
    "DREAM",
    "choice",
    "accuracy",
    dream.READER,
    ("dialogue", "question"),
    source="Sun et al. 2019",
    url="https://dataset.org/dream/",
    licence="non-commercial research",
    published={"train": 6_116, "valid": 2_040, "test": 2_041},
    note="The turns of a dialogue are lines of one text.",
)

_COMMONSENSEQA_FILES: Files = {
    "train": ("train_rand_split.jsonl",),
    "valid": ("dev_rand_split.jsonl",),
    "test": ("test_rand_split_no_answers.jsonl",),
}
COMMONSENSEQA = Task(
    "CommonsenseQA",
    "choice",
    "accuracy",
    SplitReader(_COMMONSENSEQA_FILES, read_questions),
    ("question",),
    source="Talmor et al. 2019",
    url="https://www.tau-nlp.org/commonsenseqa",
    licence="MIT",
    published={"train": 9_741, "valid": 1_221, "test": 1_140},
    note="The test labels are not public.",
)

TREC = Task(
    "TREC",
    "classification",
    "accuracy",
    trec.READER,
    ("question",),
    source="Li and Roth 2002",
    url="https://cogcomp.seas.upenn.edu/Data/QA/QC/",
    licence="research",
    classes=("ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"),
    published={"train": 5_452, "test": 500},
    note="Latin-1; the coarse one of the two types is the label.",
)

_CORNELL_PAGE = "https://www.cs.cornell.edu/people/pabo/movie-review-data/"
_SUBJ_FILES: Files = {"train": ("quote.tok.gt9.5000", "rotten_imdb/quote.tok.gt9.5000")}
SUBJ = Task(
    "SUBJ",
    "classification",
    "accuracy",
    ByClassReader(
        _SUBJ_FILES, {"objective": "plot.tok.gt9.5000", "subjective": "quote.tok.gt9.5000"}, encoding="latin-1"
    ),
    ("sentence",),
    source="Pang and Lee 2004",
    url=_CORNELL_PAGE,
    licence="research",
    classes=("objective", "subjective"),
    published={"train": 10_000},
    note="No split is published: a share is held out (--validation).",
)

_MR_FILES: Files = {"train": ("rt-polarity.pos", "rt-polaritydata/rt-polarity.pos")}
MR = Task(
    "MR",
    "classification",
    "accuracy",
    ByClassReader(_MR_FILES, {"negative": "rt-polarity.neg", "positive": "rt-polarity.pos"}, encoding="latin-1"),
    ("sentence",),
    source="Pang and Lee 2005",
    url=_CORNELL_PAGE,
    licence="research",
    classes=("negative", "positive"),
    published={"train": 10_662},
    note="No split is published: a share is held out (--validation).",
)

_AG_NEWS_FILES: Files = {"train": ("train.csv",), "test": ("test.csv",)}
AG_NEWS = Task(
    "AG-News",
    "classification",
    "accuracy",
    TableReader(
        _AG_NEWS_FILES,
        (Layout(("Title", "Description"), "Class Index"), Layout(("2", "3"), "1", cells=3)),
        names={"1": "World", "2": "Sports", "3": "Business", "4": "Sci/Tech"},
    ),
    ("title", "description"),
    source="Zhang et al. 2015, from Gulli",
    url="http://groups.di.unipi.it/~gulli/AG_corpus_of_news_articles.html",
    licence="non-commercial research",
    classes=("World", "Sports", "Business", "Sci/Tech"),
    folders=("ag_news_csv", "AG News"),
    published={"train": 120_000, "test": 7_600},
    note="Quoted CSV without a header. A backslash stands where the source had a line break, and stays.",
)

_IMDB_FILES: Files = {"train": ("train",), "test": ("test",)}
IMDB = Task(
    "IMDB",
    "classification",
    "accuracy",
    ByClassReader(_IMDB_FILES, {"negative": "neg", "positive": "pos"}),
    ("review",),
    source="Maas et al. 2011",
    url="https://ai.stanford.edu/~amaas/data/sentiment/",
    licence="research",
    classes=("negative", "positive"),
    folders=("aclImdb",),
    published={"train": 25_000, "test": 25_000},
    note='A file a review, in folders neg and pos; "<br />" becomes a line break. The unlabelled reviews are not read.',
)

_WIC_FILES: Files = {"train": ("train.jsonl",), "valid": ("val.jsonl",), "test": ("test.jsonl",)}
WIC = Task(
    "WiC",
    "classification",
    "accuracy",
    TableReader(_WIC_FILES, (Layout(("word", "sentence1", "sentence2"), "label", id="idx"),)),
    ("word", "sentence1", "sentence2"),
    source="Pilehvar and Camacho-Collados 2019",
    url=_SUPERGLUE_PAGE,
    licence="CC BY-NC 4.0",
    classes=("false", "true"),
    published={"train": 5_428, "valid": 638, "test": 1_400},
    note="SuperGLUE's files; the word stands before its two sentences. The test labels are not public.",
)

_BOOLQ_FILES: Files = {"train": ("train.jsonl",), "valid": ("dev.jsonl", "val.jsonl"), "test": ("test.jsonl",)}
BOOLQ = Task(
    "BoolQ",
    "entailment",
    "accuracy",
    TableReader(
        _BOOLQ_FILES,
        (Layout(("passage", "question"), "answer", id="idx"), Layout(("passage", "question"), "label", id="idx")),
    ),
    ("passage", "question"),
    source="Clark et al. 2019",
    url="https://github.com/google-research-datasets/boolean-questions",
    licence="CC BY-SA 3.0",
    classes=("false", "true"),
    published={"train": 9_427, "valid": 3_270, "test": 3_245},
    note="The publisher's own files or SuperGLUE's. The test labels are not public.",
)

FURTHER_TASKS = (
    WNLI,
    AX,
    SICK_E,
    SICK_R,
    *(_anli(number) for number in (1, 2, 3)),
    BOOLQ,
    WIC,
    OPENBOOKQA,
    *(_arc(level) for level in ("Easy", "Challenge")),
    COPA,
    DPR,
    SWAG,
    DREAM,
    COMMONSENSEQA,
    TREC,
    SUBJ,
    MR,
    AG_NEWS,
    IMDB,
)
