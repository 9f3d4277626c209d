"""The data sets that are known by name: the paper's twelve (Table 1), and those of `further_tasks.py`.

To add one: a `Task` there, and if its format is new a reader in `published/`.
"""

from __future__ import annotations

from dataclasses import replace

from foretext.errors import UnknownName
from foretext.tasks.further_tasks import FURTHER_TASKS, GLUE_PAGE
from foretext.tasks.labels.scores import ScoreLabels
from foretext.tasks.published import race, sst, story_cloze, sts_benchmark
from foretext.tasks.published.originals import WithOriginals
from foretext.tasks.published.splits import Files
from foretext.tasks.published.table_reader import Layout, TableReader
from foretext.tasks.task import Task

_INFERENCE = ("contradiction", "entailment", "neutral")
_ENTAILMENT = ("entailment", "not_entailment")
_NO_AND_YES = ("0", "1")

_GLUE_FILES: Files = {"train": ("train.tsv",), "valid": ("dev.tsv",), "test": ("test.tsv",)}

_SNLI_FILES: Files = {
    "train": ("snli_1.0_train.jsonl", "snli_1.0_train.txt", "train.jsonl", "train_subset.jsonl"),
    "valid": ("snli_1.0_dev.jsonl", "snli_1.0_dev.txt", "dev.jsonl"),
    "test": ("snli_1.0_test.jsonl", "snli_1.0_test.txt", "test.jsonl"),
}
SNLI = Task(
    "SNLI",
    "entailment",
    "accuracy",
    TableReader(
        _SNLI_FILES,
        (
            Layout(("sentence1", "sentence2"), "gold_label", id="pairID"),
            Layout(("premise", "hypothesis"), "label"),
        ),
    ),
    ("premise", "hypothesis"),
    source="Bowman et al. 2015",
    url="https://nlp.stanford.edu/projects/snli/",
    licence="CC BY-SA 4.0",
    classes=_INFERENCE,
    folders=("snli_1.0",),
    paper=True,
    published={"train": 549_367, "valid": 9_842, "test": 9_824},
    note='Pairs with the label "-", on which the annotators did not agree, are left out and counted.',
)

_MNLI_FILES: Files = {
    "train": ("train.tsv", "multinli_1.0_train.jsonl", "train.jsonl", "train_subset.jsonl"),
    "valid": ("dev_matched.tsv", "multinli_1.0_dev_matched.jsonl", "dev_matched.jsonl"),
    "valid mismatched": ("dev_mismatched.tsv", "multinli_1.0_dev_mismatched.jsonl", "dev_mismatched.jsonl"),
    "test": ("test_matched.tsv",),
    "test mismatched": ("test_mismatched.tsv",),
}
MNLI = Task(
    "MNLI",
    "entailment",
    "accuracy",
    TableReader(
        _MNLI_FILES,
        (
            Layout(("sentence1", "sentence2"), "gold_label", id="index"),
            Layout(("premise", "hypothesis"), "label"),
        ),
    ),
    ("premise", "hypothesis"),
    source="Williams et al. 2018",
    url=GLUE_PAGE,
    licence="mixed, mostly open",
    classes=_INFERENCE,
    folders=("multinli_1.0",),
    paper=True,
    glue=("accuracy",),
    published={
        "train": 392_702,
        "valid": 9_815,
        "valid mismatched": 9_832,
        "test": 9_796,
        "test mismatched": 9_847,
    },
    submissions={"test": "MNLI-m.tsv", "test mismatched": "MNLI-mm.tsv"},
    note="The labels of the test sets are not public.",
)

_QNLI_FILES: Files = {**_GLUE_FILES, "train": ("train.tsv", "train_subset.jsonl")}
QNLI = Task(
    "QNLI",
    "entailment",
    "accuracy",
    TableReader(
        _QNLI_FILES,
        (Layout(("question", "sentence"), "label", id="index"),),
    ),
    ("question", "sentence"),
    source="Wang et al. 2018, from Rajpurkar et al. 2016",
    url=GLUE_PAGE,
    licence="CC BY-SA 4.0",
    classes=_ENTAILMENT,
    positive="entailment",
    paper=True,
    glue=("accuracy",),
    published={"train": 104_743, "valid": 5_463, "test": 5_463},
    submissions={"test": "QNLI.tsv"},
    note="The paper's figure is for this set's first version, which GLUE replaced. The test labels are not public.",
)

RTE = Task(
    "RTE",
    "entailment",
    "accuracy",
    TableReader(_GLUE_FILES, (Layout(("sentence1", "sentence2"), "label", id="index"),)),
    ("sentence1", "sentence2"),
    source="Dagan et al. 2005 and after",
    url=GLUE_PAGE,
    licence="research",
    classes=_ENTAILMENT,
    positive="entailment",
    paper=True,
    glue=("accuracy",),
    published={"train": 2_490, "valid": 277, "test": 3_000},
    submissions={"test": "RTE.tsv"},
    note="The test labels are not public.",
)

_SCITAIL_FILES: Files = {
    split: (
        f"tsv_format/scitail_1.0_{name}.tsv",
        f"snli_format/scitail_1.0_{name}.txt",
        f"scitail_1.0_{name}.tsv",
        f"scitail_1.0_{name}.txt",
        f"{name}.jsonl",
    )
    for split, name in {"train": "train", "valid": "dev", "test": "test"}.items()
}
SCITAIL = Task(
    "SciTail",
    "entailment",
    "accuracy",
    TableReader(
        _SCITAIL_FILES,
        (
            Layout(("sentence1", "sentence2"), "gold_label"),
            Layout(("premise", "hypothesis"), "label"),
            Layout(("1", "2"), "3", cells=3),
        ),
        names={"entails": "entailment", "not_entailment": "neutral"},
    ),
    ("premise", "hypothesis"),
    source="Khot et al. 2018",
    url="https://allenai.org/data/scitail",
    licence="Apache-2.0",
    classes=("entailment", "neutral"),
    positive="entailment",
    folders=("SciTailV1.1",),
    paper=True,
    published={"train": 23_596, "valid": 1_304, "test": 2_126},
    note='The two published forms name the labels differently; here they are "entailment" and "neutral".',
)

RACE = Task(
    "RACE",
    "choice",
    "accuracy",
    race.READER,
    ("article", "question"),
    source="Lai et al. 2017",
    url="https://www.cs.cmu.edu/~glai1/data/race/",
    licence="non-commercial research",
    paper=True,
    published={
        "train": 87_866,
        "valid": 4_887,
        "test": 4_934,
        "valid middle": 1_436,
        "valid high": 3_451,
        "test middle": 1_436,
        "test high": 3_498,
    },
    note="The paper gives figures for middle schools (RACE-m), high schools (RACE-h) and both.",
)

STORY_CLOZE = Task(
    "StoryCloze",
    "choice",
    "accuracy",
    story_cloze.READER,
    ("story",),
    source="Mostafazadeh et al. 2016",
    url="https://cs.rochester.edu/nlp/rocstories/",
    licence="research, on request",
    folders=("Story Cloze", "ROCStories", "rocstories"),
    paper=True,
    published={"train": 1_497, "valid": 374, "test": 1_871},
    submissions={"test": "answer.txt"},
    note="1,497 stories of the validation file are for training, 374 held out, as the released code draws them.",
)

_MRPC_FILES: Files = {
    "train": ("train.tsv", "msr_paraphrase_train.txt"),
    "valid": ("dev.tsv",),
    "test": ("msr_paraphrase_test.txt", "test.tsv"),
    "test hidden": ("test.tsv",),
}
MRPC = Task(
    "MRPC",
    "similarity",
    "f1",
    TableReader(
        _MRPC_FILES,
        (Layout(("#1 String", "#2 String"), "Quality", id="index"),),
    ),
    ("#1 String", "#2 String"),
    source="Dolan and Brockett 2005",
    url="https://www.microsoft.com/en-us/download/details.aspx?id=52398",
    licence="Microsoft Research, research only",
    classes=_NO_AND_YES,
    folders=("MSRParaphraseCorpus",),
    paper=True,
    glue=("f1", "accuracy"),
    published={"train": 3_668, "msr_paraphrase_train.txt": 4_076, "valid": 408, "test": 1_725, "test hidden": 1_725},
    submissions={"test hidden": "MRPC.tsv"},
    note="The original test file has labels, GLUE's has none. The original training file has 4,076 pairs; GLUE holds "
    "out 408 of them as dev.tsv.",
)

QQP = Task(
    "QQP",
    "similarity",
    "f1",
    TableReader(
        _GLUE_FILES,
        (Layout(("question1", "question2"), "is_duplicate", id="id"),),
        leave_out_ragged=True,
    ),
    ("question1", "question2"),
    source="Iyer et al. 2017",
    url=GLUE_PAGE,
    licence="Quora's terms, non-commercial",
    classes=_NO_AND_YES,
    paper=True,
    glue=("f1", "accuracy"),
    published={"train": 363_849, "valid": 40_430, "test": 390_965},
    submissions={"test": "QQP.tsv"},
    note="Some published rows are torn by line breaks inside a question; they are left out and counted. "
    "The test labels are not public.",
)

_STS_B_ORIGINAL = "original/sts-test.tsv"
STS_B = Task(
    "STS-B",
    "similarity",
    "pearson",
    WithOriginals(
        TableReader(
            {**_GLUE_FILES, "test": (_STS_B_ORIGINAL, "test.tsv"), "test hidden": ("test.tsv",)},
            (Layout(("sentence1", "sentence2"), "score", id="index"),),
            labels=ScoreLabels(),
        ),
        {_STS_B_ORIGINAL: sts_benchmark.read},
    ),
    ("sentence1", "sentence2"),
    source="Cer et al. 2017",
    url=GLUE_PAGE,
    licence="CC BY-SA 4.0",
    paper=True,
    glue=("pearson", "spearman"),
    published={"train": 5_749, "valid": 1_500, "test": 1_379, "test hidden": 1_379},
    submissions={"test hidden": "STS-B.tsv"},
    note="The test labels are not in GLUE's file; original/sts-test.tsv, which lies beside it, has them.",
)

_SST_2_SENTENCES = "stsa.binary.test"
SST_2 = Task(
    "SST-2",
    "classification",
    "accuracy",
    WithOriginals(
        TableReader(
            {**_GLUE_FILES, "test": (_SST_2_SENTENCES, "test.tsv"), "test hidden": ("test.tsv",)},
            (Layout(("sentence",), "label", id="index"),),
        ),
        {_SST_2_SENTENCES: sst.read},
    ),
    ("sentence",),
    source="Socher et al. 2013",
    url=GLUE_PAGE,
    licence="research",
    classes=_NO_AND_YES,
    paper=True,
    glue=("accuracy",),
    published={"train": 67_349, "valid": 872, "test": 1_821, "test hidden": 1_821},
    submissions={"test hidden": "SST-2.tsv"},
    note="Training examples are phrases, many of them parts of others. The test labels are not in GLUE's file; "
    "stsa.binary.test, as repositories of sentence classification have it, holds them, in another order.",
)

COLA = Task(
    "CoLA",
    "classification",
    "matthews",
    TableReader(
        _GLUE_FILES,
        (Layout(("sentence",), "label", id="index"), Layout(("4",), "2", cells=4)),
    ),
    ("sentence",),
    source="Warstadt et al. 2019",
    url=GLUE_PAGE,
    licence="research",
    classes=_NO_AND_YES,
    paper=True,
    glue=("matthews",),
    published={"train": 8_551, "valid": 1_043, "test": 1_063},
    submissions={"test": "CoLA.tsv"},
    note="train.tsv and dev.tsv have no header, test.tsv has one. The test labels are not public.",
)

# In the order of Table 1.
_PAPER_TASKS = (SNLI, MNLI, QNLI, RTE, SCITAIL, RACE, STORY_CLOZE, MRPC, QQP, STS_B, SST_2, COLA)
_TASKS = (*_PAPER_TASKS, *FURTHER_TASKS)
TASKS: dict[str, Task] = {
    task.name: replace(task, others=tuple(other for other in _TASKS if other is not task)) for task in _TASKS
}


def find_task(name: str) -> Task:
    """The task of this name, in whatever case.

    Raises:
        UnknownName: there is none.
    """
    for known, task in TASKS.items():
        if known.casefold() == name.casefold():
            return task
    raise UnknownName("task", name, TASKS)
