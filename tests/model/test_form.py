"""Forms of the decoder beside the paper's: each is its formula, and keeps every law that the paper's form keeps."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from foretext.batch import pack
from foretext.checkpoints.released_names import released_views
from foretext.checkpoints.saved_model import SavedModel, load_model, save_model
from foretext.errors import ModelError, SettingsError
from foretext.model.answering import for_answering
from foretext.model.generation import Reader
from foretext.model.gpt import GPT, transfer
from foretext.model.kernels.linear import int8_product
from foretext.model.sequences import Sequences
from foretext.model.settings import HeadSettings, ModelSettings
from foretext.tokenizer import Tokenizer
from foretext.training.objectives import Counts, language_model_loss

SIZES = {"vocabulary": 50, "context": 40, "layers": 2, "width": 32, "heads": 4}
STILL = dict.fromkeys(("embedding_dropout", "attention_dropout", "residual_dropout"), 0.0)
FORMS = {
    "norms before": {"norm_at": "before"},
    "epsilon": {"norm_epsilon": 0.1},
    "RMSNorm": {"norm": "rms"},
    "normed queries": {"query_key_norm": "rms"},
    "ReLU²": {"activation": "relu2"},
    "SwiGLU": {"activation": "swiglu", "feed_forward": 48},
    "exact GELU": {"activation": "gelu_erf"},
    "ReLU": {"activation": "relu"},
    "SiLU": {"activation": "silu"},
    "no biases": {"biases": "none"},
    "biases of attention": {"biases": "attention"},
    "biases of queries, keys, values": {"biases": "query_key_value"},
    "biases of the feed-forward layer": {"biases": "feed_forward"},
    "no biases in SwiGLU": {"activation": "swiglu", "biases": "none"},
    "grouped queries": {"key_heads": 2},
    "wide heads": {"head_width": 12},
    "rotary": {"positions": "rotary"},
    "slow rotary": {"positions": "rotary", "rotary_base": 500_000.0},
    "shifted keys": {"shifted_key_heads": 2},
    "half rotary": {"positions": "rotary", "rotary_share": 0.5},
    "branches beside": {"branches": "beside", "norm_at": "before"},
    "own output": {"output": "own"},
    "own output and rotary": {"output": "own", "positions": "rotary"},
}
FORMS["shifted, grouped, turned"] = {**FORMS["rotary"], "shifted_key_heads": 1, "key_heads": 2}
FORMS["NeoX"] = {**FORMS["branches beside"], **FORMS["half rotary"], **FORMS["own output"], **FORMS["exact GELU"]}
FORMS["grouped, normed, turned"] = {**FORMS["normed queries"], **FORMS["rotary"], "key_heads": 1, "head_width": 16}
FORMS["normed queries and rotary"] = {**FORMS["normed queries"], **FORMS["rotary"]}
QUIET = {"projections_start": "zero"}
IDS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8]
needs_int8 = pytest.mark.skipif(int8_product() is None, reason="torch has no int8 for this processor")
every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def settings_of(form: dict[str, object], **others: object) -> ModelSettings:
    return ModelSettings(**{**SIZES, **form, **others})


def written_out(model: GPT, ids: list[int]) -> torch.Tensor:
    """The last states by the formulas alone: loops over blocks, heads and positions."""
    shape, weights = model.settings, {name: value.detach() for name, value in model.named_parameters()}
    table = weights["embedding"]
    h = table[ids]
    if shape.positions == "learned":
        h = h + table[shape.first_position : shape.first_position + len(ids)]
    before = shape.norm_at == "before"
    for layer in range(shape.layers):
        w = {name.split(".", 2)[2]: value for name, value in weights.items() if name.startswith(f"blocks.{layer}.")}
        given = normed(shape, h, w, "attention_norm") if before else h
        summed = h + attention(shape, given, w)
        n = summed if before else normed(shape, summed, w, "attention_norm")
        read = h if shape.branches == "beside" else n
        given = normed(shape, read, w, "feed_forward_norm") if before else n
        summed = n + feed_forward(shape, given, w)
        h = summed if before else normed(shape, summed, w, "feed_forward_norm")
    return normed(shape, h, weights, "last_norm") if before else h


def normed(shape, x, w, name):
    if shape.norm == "rms":
        return rms(shape, x, w[f"{name}.weight"])
    x = x - x.mean(-1, keepdim=True)
    scaled = x / (x.square().mean(-1, keepdim=True) + shape.norm_epsilon).sqrt()
    return scaled * w[f"{name}.weight"] + w[f"{name}.bias"]


def rms(shape, x, gain):
    return x / (x.square().mean(-1, keepdim=True) + shape.norm_epsilon).sqrt() * gain


def linear(x, w, name):
    return x @ w[f"{name}.weight"].T + w.get(f"{name}.bias", 0)


def attention(shape, x, w):
    size, key_heads = shape.head_width or shape.width // shape.heads, shape.key_heads or shape.heads
    sizes = [shape.heads * size, key_heads * size, key_heads * size]
    query, key, value = linear(x, w, "attention.query_key_value").split(sizes, dim=-1)
    mixed = torch.zeros_like(query)
    for head in range(shape.heads):
        theirs = head * key_heads // shape.heads
        q = query[:, head * size : (head + 1) * size]
        k, v = (part[:, theirs * size : (theirs + 1) * size] for part in (key, value))
        if shape.query_key_norm == "rms":
            q, k = (
                rms(shape, part, w[f"attention.placing.{name}_norm.weight"])
                for part, name in ((q, "query"), (k, "key"))
            )
        if theirs < shape.shifted_key_heads:
            k = torch.cat([torch.zeros_like(k[:1]), k[:-1]])
        if shape.positions == "rotary":
            q, k = (turned(part, shape.rotary_base, shape.rotary_share) for part in (q, k))
        for place in range(len(x)):
            scores = torch.stack([q[place] @ k[seen] / math.sqrt(size) for seen in range(place + 1)])
            mixed[place, head * size : (head + 1) * size] = scores.softmax(0) @ v[: place + 1]
    return linear(mixed, w, "attention.output")


def turned(x, base, share=1.0):
    """Each pair of numbers as one complex number, times e^(i · position · base^(−2j/size)); of a share of them."""
    size = int(x.shape[-1] * share)
    x, rest = x[:, :size], x[:, size:]
    half = size // 2
    pairs = torch.complex(x[:, :half], x[:, half:])
    angles = [[place * base ** (-j / half) for j in range(half)] for place in range(len(x))]
    angles = torch.tensor(angles, dtype=torch.float64)
    pairs = pairs * torch.polar(torch.ones_like(angles), angles)
    return torch.cat([pairs.real, pairs.imag, rest], dim=-1)


def feed_forward(shape, x, w):
    x_w = linear(x, w, "feed_forward.expand")
    hidden = {
        "gelu": functional.gelu(x_w, approximate="tanh"),
        "gelu_erf": x_w * (1 + torch.erf(x_w / math.sqrt(2))) / 2,
        "relu": torch.where(x_w > 0, x_w, 0),
        "relu2": torch.where(x_w > 0, x_w**2, 0),
        "silu": x_w / (1 + (-x_w).exp()),
    }.get(shape.activation)
    if shape.activation == "swiglu":
        gate = linear(x, w, "feed_forward.gate")
        hidden = x_w * gate / (1 + (-gate).exp())
    return linear(hidden, w, "feed_forward.contract")


@every_form
def test_the_states_are_those_of_the_formulas_written_out(form, enlarged, states):
    model = enlarged(settings_of(form))
    torch.testing.assert_close(states(model, IDS), written_out(model, IDS), rtol=0, atol=1e-12)


@every_form
def test_every_form_differs_from_the_papers(form, enlarged, states):
    """Where it has weights of its own these differ; else, on equal weights, the states."""
    one, other = enlarged(settings_of(form)), enlarged(settings_of({}))
    shapes = [{name: weight.shape for name, weight in model.named_parameters()} for model in (one, other)]
    assert shapes[0] != shapes[1] or (states(one, IDS) - states(other, IDS)).abs().max() > 3e-4


@every_form
def test_a_position_never_sees_the_future(form, enlarged, states):
    model = enlarged(settings_of(form))
    one, other = states(model, [1, 2, 3, 4, 5]), states(model, [1, 2, 3, 9, 8])
    torch.testing.assert_close(one[:3], other[:3], rtol=0, atol=1e-13)
    assert (one[3:] - other[3:]).abs().min() > 0


@every_form
def test_the_loss_of_fresh_random_tokens_stays_that_of_a_guess(form):
    """Nothing of the answer leaks: no text is seen twice, so that nothing can be learned but to guess."""
    model = GPT(settings_of(form, layers=1, **STILL), seed=1)
    adam, draw, losses = torch.optim.Adam(model.parameters(), 3e-3), torch.Generator().manual_seed(2), []
    for _ in range(80):
        batch = pack([[torch.randint(50, (40,), generator=draw).tolist()] for _ in range(8)])
        sequences = Sequences.of(batch)
        loss = language_model_loss(model(sequences), sequences, Counts(8, 8), rows=50)
        losses.append(float(loss.detach()))
        adam.zero_grad()
        loss.backward()
        adam.step()
    assert sum(losses[-20:]) / 20 > math.log(50) - 0.02


@every_form
def test_a_neighbour_in_the_batch_changes_no_bit_and_the_loss_is_that_of_each_alone(form):
    model = GPT(settings_of(form), seed=1).eval()

    def read(*sequences):
        made = Sequences.of(pack([[ids] for ids in sequences]))
        with torch.no_grad():
            hidden = model(made)
            loss = language_model_loss(hidden, made, Counts(len(sequences), len(sequences)), rows=50)
        return hidden.states, float(loss)

    one, other = [7, 7, 7, 7, 8, 9], [1, 2, 3, 4, 5, 6]
    (together, loss), (beside, _) = read(one, IDS), read(other, IDS)
    assert torch.equal(together[6:], beside[6:])
    alone = [read(ids) for ids in (one, IDS)]
    torch.testing.assert_close(together, torch.cat([states for states, _ in alone]), rtol=0, atol=1e-5)
    assert loss == pytest.approx(sum(loss for _, loss in alone) / 2, abs=1e-5)


@every_form
@pytest.mark.parametrize("chunk", [1, 2, 7, 12])
def test_text_read_in_pieces_has_the_logits_of_a_pass_over_all_of_it(form, chunk, enlarged):
    model = enlarged(settings_of(form))
    reader, first = Reader(model), 0
    with torch.no_grad():
        hidden = model(Sequences.of(pack([[IDS]])))
        whole = (hidden.states @ hidden.matrix[:50].T).float()
        while first < len(IDS):
            piece = IDS[first : first + chunk]
            first += len(piece)
            torch.testing.assert_close(reader.next_logits(piece), whole[first - 1], rtol=0, atol=1e-5)


TREE = [[*IDS, 20, 21], [*IDS, 30], [*IDS, 20, 22, 23]]


@every_form
def test_sequences_that_begin_alike_have_the_states_and_gradients_they_have_by_themselves(form, enlarged):
    model = enlarged(settings_of(form, **STILL))
    batch = pack([TREE, [[40, 41]]])
    joined, apart = Sequences.of(batch, share_prefixes="in_batches"), Sequences.of(batch)
    assert joined.joined is not None
    found = []
    for sequences in (joined, apart):
        model.zero_grad()
        hidden = model(sequences)
        loss = language_model_loss(hidden, sequences, Counts(4, 2), rows=50)
        loss.backward()
        found.append((sequences.unjoined(hidden.states), [weight.grad.clone() for weight in model.parameters()]))
    (states, gradients), (plain, of_plain) = found
    torch.testing.assert_close(states, plain, rtol=0, atol=1e-11)
    for one, other in zip(gradients, of_plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


@every_form
def test_what_is_computed_again_for_the_gradient_gives_the_same(form):
    model, found = GPT(settings_of(form), seed=1), []
    for model.recompute in (False, True):
        torch.manual_seed(3)
        model.zero_grad()
        hidden = model(Sequences.of(pack([[IDS], [IDS[:5]]])))
        (hidden.states @ hidden.matrix.T).square().sum().backward()
        found.append([weight.grad.clone() for weight in model.parameters()])
    for kept, again in zip(*found, strict=True):
        torch.testing.assert_close(again, kept, rtol=0, atol=1e-6)


@every_form
@pytest.mark.parametrize("kind", ["fp32", "bf16", pytest.param("int8", marks=needs_int8)])
def test_answers_are_close_to_the_models_own_and_the_same_to_the_bit_in_any_company(form, kind, monkeypatch):
    monkeypatch.setattr("foretext.model.answering.gains_by_onednn", lambda like: True)  # fp32 laid out anew as well
    gpt = GPT(settings_of(form, width=64, initial_deviation=0.07), HeadSettings(outputs=3), seed=1).eval()
    made, draw = for_answering(gpt, kind), torch.Generator().manual_seed(0)
    company = [torch.randint(50, (length,), generator=draw).tolist() for length in (40, 33, 33, 17, 17, 17, 8, 1)]
    with torch.no_grad():
        batch = Sequences.of(pack([[ids] for ids in company]))
        exact, quick = gpt.read(batch), made.read(batch)
        miss = (exact - quick).abs().max() / exact.abs().max()
        assert miss < (1e-4 if kind == "fp32" else 0.08)
        together = made(batch).states.split([len(ids) for ids in company])
        for ids, states in zip(company, together, strict=True):
            alone = made(Sequences.of(pack([[ids]]))).states
            assert kind == "fp32" or torch.equal(alone, states), len(ids)
            torch.testing.assert_close(alone, states)


def test_projections_may_start_at_zero_and_nothing_else_does():
    """What else is drawn is what is drawn without it."""
    plain, quiet = (dict(GPT(settings_of(start), seed=1).named_parameters()) for start in ({}, QUIET))
    zero = {name for name in plain if not torch.equal(plain[name], quiet[name])}
    lasts = ("attention.output.weight", "feed_forward.contract.weight")
    assert zero == {f"blocks.{block}.{last}" for block in range(2) for last in lasts}
    assert not any(quiet[name].any() for name in zero)


def test_blocks_that_add_nothing_give_back_what_they_got(states):
    """Without the norms behind the sums, whose work goes on."""
    model = GPT(settings_of({"norm_at": "before", **QUIET}), seed=1).eval()
    tokens, places = model.embedding[IDS], model.embedding[53 : 53 + len(IDS)]
    torch.testing.assert_close(states(model, IDS), model.last_norm(tokens + places).detach())


@every_form
def test_products_in_bf16_change_a_loss_and_its_gradients_by_rounding_alone(form):
    model, found = GPT(settings_of(form, **STILL), seed=1), []
    sequences = Sequences.of(pack([[IDS], [IDS[:7]]]))
    for halves in (False, True):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=halves):
            loss = language_model_loss(model(sequences), sequences, Counts(2, 2), rows=50)
        loss.backward()
        found.append((float(loss.detach()), torch.cat([weight.grad.flatten() for weight in model.parameters()])))
    (exact, gradient), (rounded, other) = found
    assert rounded == pytest.approx(exact, abs=0.01)
    assert 0 < (other - gradient).norm() < 0.05 * gradient.norm()


@every_form
def test_a_model_in_bf16_throughout_has_nearly_the_same_states(form, states):
    """As on an accelerator; norms and angles are computed in more digits than it has."""
    model = GPT(settings_of(form, initial_deviation=0.1), seed=1).eval()
    exact = states(model, IDS)
    rounded = states(model.to(torch.bfloat16), IDS)
    assert rounded.dtype == torch.bfloat16
    assert (rounded.float() - exact).norm() < 0.03 * exact.norm()


@pytest.mark.parametrize("start", [{}, QUIET], ids=["drawn", "zero"])
@every_form
def test_every_weight_has_had_a_gradient_after_four_updates(form, start):
    """Also behind weights that start at 0."""
    model = GPT(settings_of(form, **start, **STILL), seed=1)
    adam, seen = torch.optim.Adam(model.parameters(), 1e-3), set()
    for _ in range(4):
        adam.zero_grad()
        sequences = Sequences.of(pack([[IDS], [IDS[::-1]]]))
        language_model_loss(model(sequences), sequences, Counts(2, 2), rows=50).backward()
        seen |= {name for name, weight in model.named_parameters() if weight.grad.abs().max() > 0}
        adam.step()
    assert seen == dict(model.named_parameters()).keys()


@every_form
def test_all_layers_are_transferred_with_what_stands_behind_them(form, states):
    source, target = GPT(settings_of(form), seed=1).eval(), GPT(settings_of(form), seed=2).eval()
    with torch.no_grad():
        for weight in source.parameters():
            weight.add_(0.1)
    transfer(source, target)
    assert torch.equal(states(source, IDS), states(target, IDS))
    fewer = GPT(settings_of(form), seed=2)
    transfer(source, fewer, 1)
    fresh = dict(GPT(settings_of(form), seed=2).named_parameters())
    for name, weight in fewer.named_parameters():
        taken = name.startswith("blocks.0.")
        if name not in ("embedding", "output_matrix"):
            wanted = dict(source.named_parameters())[name] if taken else fresh[name]
            assert torch.equal(weight, wanted), name


@every_form
def test_a_model_is_not_transferred_to_one_of_another_form(form):
    with pytest.raises(SettingsError, match="same shape"):
        transfer(GPT(settings_of({}), seed=1), GPT(settings_of(form), seed=2))


@every_form
def test_a_saved_model_has_its_form(form, tmp_path):
    tokenizer = Tokenizer.learn_from_texts(["a b c a b"], 260, mode="bytes")
    gpt = GPT(settings_of(form, vocabulary=tokenizer.size), seed=1)
    save_model(tmp_path / "model", SavedModel(gpt, tokenizer))
    loaded = load_model(tmp_path / "model").gpt
    assert loaded.settings == gpt.settings
    assert all(torch.equal(one, other) for one, other in zip(gpt.parameters(), loaded.parameters(), strict=True))


@every_form
def test_the_layouts_of_gpt1_refuse_it_by_name(form):
    name, value = next(iter(form.items()))
    with pytest.raises(ModelError, match=f"paper's form alone.* {name} {value}".replace("_", " ")):
        released_views(GPT(settings_of(form)))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rotary_base": 500.0}, "rotary base 500 is for rotary positions"),
        ({"rotary_share": 0.5}, "rotary share 0.5 is for rotary positions"),
        ({"positions": "rotary", "rotary_share": 0.2}, "rotary share 0.2 turns 1 of the 8 numbers of a head"),
        ({"branches": "beside"}, "beside each other have their norms before"),
        ({"positions": "rotary", "heads": 32}, "turn pairs of numbers, and a head has 1;"),
        ({"key_heads": 3}, "heads 4 is not a multiple of key heads 3"),
        ({"heads": 5}, "width 32 is not a multiple of heads 5"),
    ],
)
def test_a_form_that_cannot_be_is_refused(values, message):
    with pytest.raises(SettingsError, match=message):
        settings_of(values)


def test_an_output_of_its_own_gives_the_logits_and_the_embedding_none(enlarged):
    model = enlarged(settings_of({"output": "own"}))
    hidden = model(Sequences.of(pack([[IDS]])))
    assert hidden.matrix is model.output_matrix
    assert hidden.matrix.shape == (53, 32)  # pieces and special tokens, no positions
    (hidden.states @ hidden.matrix[:50].T).sum().backward()
    unread = sorted(set(range(50)) - set(IDS))
    assert not model.embedding.grad[unread].any()
    assert model.output_matrix.grad[:50].abs().sum(1).min() > 0


@pytest.mark.parametrize("special_tokens_from", [(), (3, 1, 4)])
def test_special_tokens_start_afresh_in_both_matrices_or_from_the_pieces_named(special_tokens_from):
    source, target = (GPT(settings_of({"output": "own"}), seed=seed) for seed in (1, 2))
    fresh = GPT(settings_of({"output": "own"}), seed=2)
    transfer(source, target, special_tokens_from=special_tokens_from)
    for name in ("embedding", "output_matrix"):
        theirs, made, drawn = (getattr(model, name) for model in (source, target, fresh))
        assert torch.equal(made[:50], theirs[:50])
        assert torch.equal(made[50:53], theirs[[3, 1, 4]] if special_tokens_from else drawn[50:53])


def test_what_the_paper_has_anyway_may_be_said():
    assert settings_of({"key_heads": 4, "head_width": 8}).own_form == {}


@pytest.mark.parametrize("form", [*FORMS.values(), QUIET], ids=[*FORMS, "zero"])
def test_an_lstm_has_none_of_it(form):
    with pytest.raises(SettingsError, match="an LSTM has no"):
        settings_of(form, backbone="lstm", lstm_units=16)


def test_more_shifted_heads_than_heads_of_keys_are_refused():
    with pytest.raises(SettingsError, match="shifted key heads 3 are more than the 2 heads of keys"):
        settings_of({"shifted_key_heads": 3, "key_heads": 2})
