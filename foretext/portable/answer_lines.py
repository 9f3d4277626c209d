"""The lines of answer.py, which answers without Foretext: what every model needs, what some do, put together."""

from __future__ import annotations

from foretext.checkpoints.saved_model import SavedModel
from foretext.tasks.kinds import TaskKind
from foretext.tokenizer import Tokenizer
from foretext.tokenizer.byte_level import ALPHABET
from foretext.tokenizer.modes import MODES

_HEAD = '''\
"""Answers of this model, without Foretext: pip install {needs}

    python answer.py < examples.jsonl        an example a line, as JSON: {example}
    from answer import answer                answer([{example}, ...])
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import tokenizers
{imports}
FOLDER = Path(__file__).resolve().parent
CONFIG = json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))
TOKENIZER = tokenizers.Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
{controls}SESSION = onnxruntime.InferenceSession(str(FOLDER / "model.onnx"), providers=["CPUExecutionProvider"])


def outputs(sequences):
    """What the model gives for some sequences of ids, by name; padding stands behind the shorter ones."""
    ids, mask = np.zeros((2, len(sequences), max(map(len, sequences))), dtype=np.int64)
    for k, sequence in enumerate(sequences):
        ids[k, : len(sequence)], mask[k, : len(sequence)] = sequence, 1
    given = SESSION.run(None, {{"input_ids": ids, "attention_mask": mask}})
    return {{output.name: value for output, value in zip(SESSION.get_outputs(), given)}}
'''

# Of imported tokenizers alone: in mode hf, as in transformers, a text may spell the piece for what is unknown.
_CONTROLS = "TOKENIZER.encode_special_tokens = True  # a text that spells a token which controls a model is text\n"

_READ = {  # by what tokenizer.json reads
    "text": '''
def read(text):
    """The tokens of a text: the id of each, and its characters."""
    found = TOKENIZER.encode(text, add_special_tokens=False)
    return list(zip(found.ids, found.offsets))
''',
    "normalised": '''
WITHOUT_PIECE = frozenset(BYTES)


def read(text):
    """The tokens of a text: the id of each, and its characters, with marks behind the last that were joined to it."""
    found = TOKENIZER.encode(text, add_special_tokens=False)
    starts, place, spans = sorted({first for first, _ in found.offsets} | {len(text)}), 0, []
    for first, end in found.offsets:
        while starts[place] < end:
            place += 1
        while end < starts[place] and WITHOUT_PIECE.isdisjoint(text[end].encode()):
            end += 1
        spans.append((first, end))
    return list(zip(found.ids, spans))
''',
    "words": '''
def read(text):
    """The tokens of a text: the id of each, and its characters."""
    return paper_text.tokens(text, TOKENIZER)
''',
}

_EQUAL = '''\
def cut(fields, answers):
    """The fields and answers as far as they fit into the context beside the special tokens: an equal share each."""
    share = (CONFIG["context"] - CONFIG["special_tokens"]) // (len(fields) + bool(answers))
    return [field[:share] for field in fields], [answer[:share] for answer in answers]
'''

_OTHERWISE = '''\
def fill(lengths, room):
    """How many tokens each field keeps where room that a short one does not need goes to the longer ones."""
    kept = [0] * len(lengths)
    for done, k in enumerate(sorted(range(len(lengths)), key=lengths.__getitem__)):
        kept[k] = min(lengths[k], room // (len(lengths) - done))
        room -= kept[k]
    return kept


def limits(lengths, room, documents):
    """How many tokens each field keeps; under "beginning" and "end" documents give way to all others."""
    if CONFIG["cutting"] == "fill":
        return fill(lengths, room)
    others = [k for k in range(len(lengths)) if k not in documents]
    whole = fill([lengths[k] for k in others], room - len(documents))
    left = fill([lengths[k] for k in documents], room - sum(whole))
    kept = dict(zip([*others, *documents], [*whole, *left]))
    return [kept[k] for k in range(len(lengths))]


def cut(fields, answers):
    """The fields and answers as far as they fit into the context beside the special tokens."""
    documents = range(0, len(fields), CONFIG["texts"])
    lengths = [len(field) for field in fields] + ([max(map(len, answers))] if answers else [])
    most = limits(lengths, CONFIG["context"] - CONFIG["special_tokens"], documents)
    for k, field in enumerate(fields):
        keeps_end = CONFIG["cutting"] == "end" and k in documents
        fields[k] = field[max(0, len(field) - most[k]) :] if keeps_end else field[: most[k]]
    return fields, [answer[: most[-1]] for answer in answers]
'''

_TASK = '''
{cut}

def sequences(fields, answers):
    """The sequences of ids that the model reads of an example."""
    start, delimiter, extract = (CONFIG["special_ids"][name] for name in ("start", "delimiter", "extract"))
{layout}

def answer(examples):
    """What the model says of each example, such as {example}."""
    if isinstance(examples, (str, dict)):
        raise TypeError("give a list of examples")
    return [answer_one(example) for example in examples]


def answer_one(example):
    if not isinstance(example, (str, list, tuple)):
        raise TypeError(f"an example is a text, or a list of texts; given: {{example!r}}")
    texts = [example] if isinstance(example, str) else list(example)
    answers = [read(text) for text in texts.pop()] if CONFIG["answers"] else []
    if len(texts) != CONFIG["texts"]:
        raise ValueError(f"an example has {{CONFIG['texts']}} texts; given: {{example!r}}")
    if CONFIG["words"]:
        texts = [text if isinstance(text, str) else " ".join(text) for text in texts]
    fields, answers = cut([read(text) for text in texts] * CONFIG["times_read"], answers)
    ids = [[id for id, _ in field] for field in (*fields, *answers)]
    given = outputs(sequences(ids[: len(fields)], ids[len(fields) :]))
    return said(given, fields[-1], texts[-1])
'''

_LAYOUT = {  # by the name of the kind's transformation
    "in_one_sequence": """\
    parts = [id for field in fields for id in (delimiter, *field)]
    return [[start, *parts[1:], extract]]
""",
    "in_both_orders": """\
    both = [[id for field in order for id in (delimiter, *field)] for order in (fields, fields[::-1])]
    return [[start, *parts[1:], extract] for parts in both]
""",
    "one_sequence_an_answer": """\
    together = [id for field in fields for id in field]
    return [[start, *together, delimiter, *answer, extract] for answer in answers]
""",
}

_CLASSES = '''
def said(given, field, text):
    """The most probable class, and the probability of each."""
    probabilities = given["probabilities"][0].tolist()
    best = CONFIG["labels"][int(np.argmax(probabilities))]
    return {"prediction": best, "probabilities": dict(zip(CONFIG["labels"], probabilities))}
'''

_SAID = {  # by form of label
    "class": _CLASSES,
    "ordered": _CLASSES,
    "set": '''
def said(given, field, text):
    """The labels that are as probable as their thresholds, and the probability of each."""
    probabilities = dict(zip(CONFIG["labels"], given["probabilities"][0].tolist()))
    limits = dict(zip(CONFIG["labels"], CONFIG["thresholds"]))
    chosen = sorted(name for name, value in probabilities.items() if value >= limits[name])
    return {"prediction": chosen, "probabilities": probabilities}
''',
    "score": '''
def said(given, field, text):
    """The score."""
    return {"prediction": float(given["scores"][0])}
''',
    "answer": '''
def said(given, field, text):
    """The number of the best answer, from 0, and the probability of each."""
    powers = np.exp((given["scores"] - given["scores"].max()).astype(np.float64))
    return {"prediction": int(powers.argmax()), "probabilities": (powers / powers.sum()).tolist()}
''',
    "span": '''
def said(given, field, text):
    """The spans in the characters of the text, and the log-probability of each tag of each token that was read."""
    rows = given["log_probabilities"][0][-1 - len(field) : -1].astype(np.float64)
    places, tags, spans = [without_blanks(text, *place) for _, place in field], best_tags(rows), []
    for (start, end), tag in zip(places, tags):
        if tag % 2:
            spans.append({"start": start, "end": end, "label": CONFIG["labels"][tag // 2]})
        elif tag:
            spans[-1]["end"] = max(spans[-1]["end"], end)
    return {"prediction": spans, "log_probabilities": rows.tolist()}


def without_blanks(text, start, end):
    """The characters of a token without white space at its ends."""
    piece = text[start:end]
    if not piece.strip():
        return start, end
    return end - len(piece.lstrip()), start + len(piece.rstrip())


def best_tags(rows):
    """The most probable tags in which I- (2, 4, ...) follows B- (1, 3, ...) or I- of the same label; 0 is outside."""
    if not len(rows):
        return []
    follows = np.zeros((rows.shape[1], rows.shape[1]))
    for inside in range(2, rows.shape[1], 2):
        follows[:, inside] = -np.inf
        follows[[inside - 1, inside], inside] = 0
    best, before = rows[0] + follows[0], []
    for row in rows[1:]:
        ways = best[:, None] + follows
        before.append(ways.argmax(axis=0))
        best = ways.max(axis=0) + row
    tags = [int(best.argmax())]
    for back in reversed(before):
        tags.append(int(back[tags[-1]]))
    return tags[::-1]
''',
}

_LANGUAGE_MODEL = '''
def answer(texts, tokens=20):
    """What goes on from each text, a piece at a time, always the likeliest."""
    if isinstance(texts, str):
        raise TypeError("give a list of texts")
    return [go_on(text, tokens) for text in texts]


def go_on(text, tokens):
    seen, new, known = [id for id, _ in read(text)], [], []
    if not seen:
        raise ValueError("the text holds no token")
    for count in range(tokens):
        if len(seen) > CONFIG["context"]:
            seen = seen[-(CONFIG["context"] // 2 or 1) :]  # a full context loses its older half
        logits = outputs([seen])["logits"][0].astype(np.float64)
        if count == 0:  # of the tokens read first: log P of each but the first
            highest = logits.max(axis=1, keepdims=True)
            logs = logits - highest - np.log(np.exp(logits - highest).sum(axis=1, keepdims=True))
            known = [logs[k, id] for k, id in enumerate(seen[1:])]
        new.append(int(logits[-1].argmax()))
        seen = [*seen, new[-1]]
    return {"prediction": TOKENIZER.decode(new, skip_special_tokens=False), "ids": new, "log_probabilities": known}
'''

_MAIN = """

if __name__ == "__main__":
    for line in sys.stdin.buffer:
        print(json.dumps(answer([json.loads(line)])[0]))
"""


def answer_lines(saved: SavedModel) -> str:
    """The text of answer.py for a model."""
    mode, task = MODES[saved.tokenizer.mode], saved.task
    of_words = mode.native_reads == "words"
    example = example_of(task.task_kind, len(task.text)) if task else '"a text"'
    needs = "onnxruntime tokenizers numpy" + (" ftfy" if of_words else "")
    controls = _CONTROLS if saved.tokenizer.vocabulary.rules is not None else ""
    imports = "\nimport paper_text\n" if of_words else ""
    head = _HEAD.format(needs=needs, example=example, imports=imports, controls=controls)
    parts = [head, _reads(saved.tokenizer)]
    if task is None:
        parts.append(_LANGUAGE_MODEL)
    else:
        layout = _LAYOUT[task.task_kind.transform.__name__]
        cut = _EQUAL if task.cutting == "equal" else _OTHERWISE
        parts += [_TASK.format(cut=cut, layout=layout, example=example), _SAID[task.labels.name]]
    return "\n".join(parts) + _MAIN


def _reads(tokenizer: Tokenizer) -> str:
    """How answer.py reads a text."""
    mode, rules = MODES[tokenizer.mode], tokenizer.vocabulary.rules
    if rules is None or rules.normalizer is None:
        return _READ[mode.native_reads]
    known = mode.native(tokenizer.vocabulary, where="the vocabulary").token_to_id
    without_piece = [byte for byte, character in enumerate(ALPHABET) if known(character) is None]
    return _READ["normalised"].replace("BYTES", repr(without_piece))


def example_of(kind: TaskKind, texts: int) -> str:
    """How an example of so many texts is written as JSON."""
    named = [f'"{name} text"' for name in ("one", "another", "a third", "a fourth")[:texts]]
    named += ['"a text"'] * (texts - len(named))
    if kind.has_answers:
        return f'[{", ".join(named)}, ["an answer", "another"]]'
    return named[0].replace("one", "a") if texts == 1 else f"[{', '.join(named)}]"
