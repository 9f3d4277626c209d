"""The graph of ONNX computes what the model computes: every form, every head, however sequences are padded."""

from __future__ import annotations

from typing import get_args

import numpy as np
import onnxruntime
import pytest
import torch

from foretext.batch import Target, pack
from foretext.model.gpt import GPT
from foretext.model.heads import TARGETS
from foretext.model.sequences import Sequences
from foretext.model.settings import FORM, Activation, Backbone, HeadSettings, ModelSettings
from foretext.portable.graph import written
from foretext.portable.operators import OPSET

SIZES = {"vocabulary": 50, "context": 40, "layers": 2, "width": 32, "heads": 4, "initial_deviation": 0.3}
FORMS = {
    "the paper's": {},
    "no layers": {"layers": 0},
    "norms before": {"norm_at": "before", "norm_epsilon": 0.1},
    "RMSNorm": {"norm": "rms", "norm_epsilon": 0.1},
    "ReLU²": {"activation": "relu2", "feed_forward": 48},
    "SwiGLU without biases": {"activation": "swiglu", "biases": "none"},
    "grouped, normed, turned": {
        "key_heads": 2,
        "head_width": 12,
        "query_key_norm": "rms",
        "positions": "rotary",
        "rotary_base": 500.0,
    },
    "shifted, turned": {"shifted_key_heads": 1, "positions": "rotary", "rotary_share": 0.5},
    "all keys shifted": {"shifted_key_heads": 4},
    "branches beside, exact GELU": {"branches": "beside", "norm_at": "before", "activation": "gelu_erf"},
    "an output of its own, ReLU": {"output": "own", "activation": "relu"},
    "SiLU": {"activation": "silu"},
    "LSTM": {"backbone": "lstm", "lstm_units": 24},
    "LSTM as wide": {"backbone": "lstm", "lstm_units": 32},
}
HEADS = {
    "classes": HeadSettings(outputs=3),
    "the mean": HeadSettings(outputs=3, reads="mean"),
    "answers": HeadSettings(combine="choose", target="answers", outputs=1),
    "grades": HeadSettings(combine="add", target="grades", outputs=4, low=1.0, step=0.5),
    "value": HeadSettings(target="value", outputs=1, low=3.0, step=7.0),
    "labels": HeadSettings(target="labels", outputs=3),
    "tags": HeadSettings(target="tags", outputs=5, reads="tokens"),
}
# Between two programs that sum in another order: a few units in the last of seven digits, of logits that reach 20.
NEAR = 2e-5


def model(form: dict[str, object] | None = None, head: HeadSettings | None = None) -> GPT:
    return GPT(ModelSettings(**{**SIZES, **(form or {})}), head, seed=1).eval()


def session(gpt: GPT) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(written(gpt).SerializeToString(), providers=["CPUExecutionProvider"])


def padded(sequences: list[list[int]], width: int, where: str, pad: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Ids and mask with padding on the left, on the right, or between the tokens."""
    ids = np.full((len(sequences), width), pad, dtype=np.int64)
    mask, draw = np.zeros_like(ids), np.random.default_rng(0)
    for row, sequence in enumerate(sequences):
        places = {
            "right": np.arange(len(sequence)),
            "left": np.arange(width - len(sequence), width),
            "between": np.sort(draw.permutation(width)[: len(sequence)]),
        }[where]
        ids[row, places], mask[row, places] = sequence, 1
    return ids, mask


def run(made: onnxruntime.InferenceSession, ids: np.ndarray, mask: np.ndarray) -> dict[str, np.ndarray]:
    found = made.run(None, {"input_ids": ids, "attention_mask": mask})
    return dict(zip([output.name for output in made.get_outputs()], found, strict=True))


def drawn(*lengths: int) -> list[list[int]]:
    draw = np.random.default_rng(3)
    return [draw.integers(0, 50, length).tolist() for length in lengths]


def own(gpt: GPT, sequences: list[list[int]]) -> np.ndarray:
    """What the head decodes of an example a sequence (two where they are added); logits where there is no head."""
    each = 2 if gpt.head and gpt.head.settings.combine == "add" else 1
    examples = [sequences[k : k + each] for k in range(0, len(sequences), each)]
    with torch.inference_mode():
        of = Sequences.of(pack(examples, None), gpt.embedding.device, attend=gpt.attend)
        hidden = gpt(of)
        if gpt.head is None:
            return (hidden.states @ hidden.matrix[: gpt.settings.vocabulary].T).numpy()
        return gpt.head.decode(gpt.scores(hidden, of)).numpy()


def same(gpt: GPT, found: dict[str, np.ndarray], sequences: list[list[int]], mask: np.ndarray) -> None:
    """Compares outputs of the graph with the model's own."""
    expected = own(gpt, sequences)
    target = gpt.head.settings.target if gpt.head else None
    if target is None:
        pairs = {"logits": (found["logits"][mask > 0], expected)}
    elif target == "tags":
        pairs = {"log_probabilities": (found["log_probabilities"][mask > 0], expected)}
    elif target == "grades":
        pairs = {
            "scores": (found["scores"], expected[:, 0]),
            "probabilities": (found["probabilities"], expected[:, 1:]),
        }
    elif target in ("value", "answers"):
        pairs = {"scores": (found["scores"], expected[:, 0])}
    else:
        squashed = torch.tensor(expected)
        squashed = squashed.sigmoid() if target == "labels" else squashed.softmax(-1)
        pairs = {"probabilities": (found["probabilities"], squashed.numpy())}
    assert found.keys() == pairs.keys()
    for given, wanted in pairs.values():
        np.testing.assert_allclose(given, wanted, rtol=NEAR, atol=NEAR)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_of_the_model_is_computed_for_a_head_and_for_the_language_model(form):
    sequences = drawn(1, 17, 40, 5)
    for head in (None, HEADS["classes"]):
        gpt = model(form, head)
        ids, mask = padded(sequences, 40, "right")
        same(gpt, run(session(gpt), ids, mask), sequences, mask)


def test_the_table_of_forms_has_every_option_there_is():
    assert set().union(*FORMS.values()) >= {*FORM, "backbone"}
    assert {form.get("backbone", "transformer") for form in FORMS.values()} == set(get_args(Backbone))
    assert {form.get("activation", "gelu") for form in FORMS.values()} == set(get_args(Activation))


@pytest.mark.parametrize("name", ["classes", "the mean", "tags"])
def test_what_is_read_both_ways_answers_alike_however_its_sequences_are_padded(name):
    gpt = model(FORMS["shifted, turned"], HEADS[name].model_copy(update={"attend": "both"}))
    made, sequences = session(gpt), drawn(3, 17, 40, 1)
    for width, where, pad in ((40, "right", 0), (40, "left", 7), (47, "between", 49)):
        ids, mask = padded(sequences, width, where, pad)
        same(gpt, run(made, ids, mask), sequences, mask)


@pytest.mark.parametrize("name", HEADS)
def test_every_head_answers_alike_however_its_sequences_are_padded(name):
    gpt = model(None, HEADS[name])
    made, sequences = session(gpt), drawn(3, 17, 40, 1)
    for width, where, pad in ((40, "right", 0), (40, "left", 7), (47, "between", 49), (44, "right", -5)):
        ids, mask = padded(sequences, width, where, pad)
        same(gpt, run(made, ids, mask), sequences, mask)


def test_every_target_is_tried():
    assert {head.target for head in HEADS.values()} == set(TARGETS) == set(get_args(Target))


@pytest.mark.parametrize("form", ["the paper's", "grouped, normed, turned", "LSTM"])
@pytest.mark.parametrize("length", [1, 17, 40])
def test_an_answer_is_the_same_in_any_company(form, length):
    gpt = model(FORMS[form], HEADS["classes"])
    made = session(gpt)
    others = drawn(*np.random.default_rng(1).integers(1, 41, 31).tolist())
    (sequence,) = drawn(length)
    alone = run(made, *padded([sequence], length, "right"))["probabilities"][0]
    for company in ([], [sequence], others):
        ids, mask = padded([*company, sequence], 40, "right")
        np.testing.assert_allclose(run(made, ids, mask)["probabilities"][-1], alone, rtol=0, atol=1e-5)


def test_a_sequence_longer_than_the_context_is_an_error_and_no_answer():
    ids, mask = padded(drawn(41), 41, "right")
    for form in ("the paper's", "grouped, normed, turned"):
        with pytest.raises(Exception, match="40 by 41"):
            run(session(model(FORMS[form], HEADS["classes"])), ids, mask)


def test_the_graph_says_its_opset_and_leaves_batch_and_length_open():
    made = written(model(None, HEADS["tags"]))
    assert [(opset.domain, opset.version) for opset in made.opset_import] == [("", OPSET)]
    shapes = {
        value.name: [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in (*made.graph.input, *made.graph.output)
    }
    assert shapes == {
        "input_ids": ["sequences", "tokens"],
        "attention_mask": ["sequences", "tokens"],
        "log_probabilities": ["sequences", "tokens", 5],
    }
