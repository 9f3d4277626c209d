"""Imported decoders agree with `transformers` on random weights: states, logits, gradients, an update, the way back.

Their models are made and saved by their own classes (conftest.py).
"""

from __future__ import annotations

import copy
import weakref
from dataclasses import replace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from foretext.batch import pack
from foretext.checkpoints.decoder_folder import read_decoder, write_decoder
from foretext.checkpoints.places import OF_FAMILY, places
from foretext.checkpoints.saved_model import SavedModel, load_model, save_model
from foretext.checkpoints.weights_source import Safetensors
from foretext.errors import ModelError
from foretext.model.generation import Reader
from foretext.model.gpt import GPT
from foretext.model.sequences import Sequences
from foretext.model.settings import HeadSettings, ModelSettings
from foretext.training.objectives import Counts, language_model_loss
from foretext.training.optimizer import Adam

transformers = pytest.importorskip("transformers")

# float32 has 7 digits, and states, logits and gradients lie within ±30; theirs normalise in float32 in any precision.
CLOSE = {"rtol": 1e-5, "atol": 3e-5}
LENGTH = 45
FAMILIES = (
    *("llama", "llama, untied and with biases", "mistral", "qwen2", "qwen3", "gpt2"),
    *("neox", "neox, branches in turn"),
)
IDS = torch.randint(250, (2, LENGTH), generator=torch.Generator().manual_seed(3))
BATCH = pack([[row.tolist()] for row in IDS])


@pytest.fixture(scope="module", params=FAMILIES)
def pair(request, decoder):
    """A model of theirs, the folder it was saved in, and what was read from there."""
    theirs, folder = decoder(request.param)
    return theirs, folder, read_decoder(folder, name="somebody/tiny")


def theirs_of(gpt, values):
    """What each of their parameters has, of `values` for ours by name: weights or gradients."""
    holder = copy.deepcopy(gpt)
    with torch.no_grad():
        for name, parameter in holder.named_parameters():
            parameter.copy_(values[name])
    return holder


def by_their_names(theirs, saved, tensor_of):
    """Our parameters as theirs are called, and what `tensor_of` says of theirs."""
    names = OF_FAMILY[saved.history.imported.architecture]
    own = {names.other_names.get(name, name): weight for name, weight in theirs.named_parameters()}
    for name, place in places(saved.gpt, names).items():
        yield name, place.taken(), tensor_of(own[name])


def test_states_logits_loss_and_gradients_are_theirs(pair):
    theirs, _, saved = pair
    gpt = copy.deepcopy(saved.gpt)
    theirs.zero_grad()
    found = theirs(input_ids=IDS, labels=IDS, output_hidden_states=True)
    found.loss.backward()
    sequences = Sequences.of(BATCH)
    hidden = gpt(sequences)
    loss = language_model_loss(hidden, sequences, Counts(2, 2), rows=gpt.settings.vocabulary)
    loss.backward()
    torch.testing.assert_close(hidden.states, found.hidden_states[-1].flatten(0, 1), **CLOSE)
    logits = hidden.states @ hidden.matrix[: gpt.settings.vocabulary].T
    torch.testing.assert_close(logits, found.logits.flatten(0, 1), rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(loss, found.loss, **CLOSE)
    gradients = {name: weight.grad for name, weight in gpt.named_parameters()}
    ours = type(saved)(theirs_of(gpt, gradients), saved.tokenizer, history=saved.history)
    for name, mine, other in by_their_names(theirs, ours, lambda weight: weight.grad):
        torch.testing.assert_close(mine, other, msg=lambda said, name=name: f"{name}: {said}", **CLOSE)


def test_an_update_is_theirs(pair, plan):
    """By torch's AdamW, with an epsilon large enough that rounding of small gradients does not decide the direction."""
    theirs, _, saved = pair
    theirs, gpt = copy.deepcopy(theirs), copy.deepcopy(saved.gpt)
    for _ in range(2):
        theirs.zero_grad()
        theirs(input_ids=IDS, labels=IDS).loss.backward()
    matrices = [weight for weight in theirs.parameters() if weight.dim() > 1]
    vectors = [weight for weight in theirs.parameters() if weight.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.999), eps=1e-2).step()
    optimizer = Adam(gpt, plan(adam="torch", epsilon=1e-2, weight_decay=0.1, beta1=0.9, beta2=0.999))
    sequences = Sequences.of(BATCH)
    language_model_loss(gpt(sequences), sequences, Counts(2, 2), rows=gpt.settings.vocabulary).backward()
    optimizer.prepare(0, 1e-2)
    optimizer.step()
    moved = type(saved)(gpt, saved.tokenizer, history=saved.history)
    for name, mine, other in by_their_names(theirs, moved, lambda weight: weight.detach()):
        torch.testing.assert_close(mine, other, msg=lambda said, name=name: f"{name}: {said}", **CLOSE)


def test_reading_in_pieces_gives_their_logits(pair):
    theirs, _, saved = pair
    with torch.no_grad():
        logits = theirs(input_ids=IDS[:1]).logits[0]
    reader, first = Reader(saved.gpt), 0
    for size in (1, 2, 7, 35):
        last = reader.next_logits(IDS[0, first : first + size].tolist())
        first += size
        torch.testing.assert_close(last, logits[first - 1], rtol=1e-5, atol=1e-4)


def test_in_bf16_the_states_are_as_close_to_theirs_in_bf16_as_rounding_lets_them_be(pair):
    theirs, _, saved = pair
    with torch.no_grad():
        exact = theirs(input_ids=IDS, output_hidden_states=True).hidden_states[-1].flatten(0, 1)
        halves = copy.deepcopy(theirs).to(torch.bfloat16)
        rounded = halves(input_ids=IDS, output_hidden_states=True).hidden_states[-1].flatten(0, 1).float()
        ours = copy.deepcopy(saved.gpt).to(torch.bfloat16)(Sequences.of(BATCH)).states.float()
    assert (ours - exact).norm() < 1.5 * (rounded - exact).norm()


def test_every_parameter_has_one_place_but_for_the_special_tokens(pair):
    _, _, saved = pair
    gpt = copy.deepcopy(saved.gpt)
    with torch.no_grad():
        for parameter in gpt.parameters():
            parameter.zero_()
    for place in places(gpt, OF_FAMILY[saved.history.imported.architecture]).values():
        place.memory.add_(1)
    shape = gpt.settings
    for name, parameter in gpt.named_parameters():
        counted = parameter.detach().clone()
        if name in ("embedding", "output_matrix"):
            assert not counted[shape.vocabulary : shape.first_position].any()
            counted[shape.vocabulary : shape.first_position] = 1
        assert torch.equal(counted, torch.ones_like(counted)), name


def test_what_goes_out_has_the_bytes_of_what_came_in(pair, tmp_path):
    _, folder, saved = pair
    save_model(tmp_path / "model", saved)
    write_decoder(tmp_path / "out", load_model(tmp_path / "model"))
    given, written = (load_file(where / "model.safetensors") for where in (folder, tmp_path / "out"))
    assert given.keys() == written.keys()
    for name, tensor in given.items():
        assert tensor.dtype == written[name].dtype, name
        assert torch.equal(tensor, written[name]), name
    again = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    with torch.no_grad():
        theirs = transformers.AutoModelForCausalLM.from_pretrained(folder)
        assert torch.equal(again(input_ids=IDS).logits, theirs(input_ids=IDS).logits)


def test_shards_in_bf16_are_read_and_written_as_bf16(decoder, tmp_path):
    theirs, folder = decoder("qwen2", save={"bf16": True, "max_shard_size": "40KB"})
    assert len(list(folder.glob("model-*.safetensors"))) > 2
    saved = read_decoder(folder)
    widened = {name: weight.float() for name, weight in theirs.state_dict().items()}
    for name, place in places(saved.gpt, OF_FAMILY["qwen2"]).items():
        assert torch.equal(place.taken(), widened[name]), name
    write_decoder(tmp_path / "out", saved)
    assert {one.dtype for one in load_file(tmp_path / "out" / "model.safetensors").values()} == {torch.bfloat16}
    saved.gpt.embedding.detach()[0, 0] += 1e-4  # what has changed needs more digits
    write_decoder(tmp_path / "changed", saved)
    assert {one.dtype for one in load_file(tmp_path / "changed" / "model.safetensors").values()} == {torch.float32}


def test_parallel_branches_and_those_in_turn_are_told_apart(decoder, change):
    _, folder = decoder("neox")
    beside = read_decoder(folder).gpt
    change(folder, use_parallel_residual=False)
    in_turn = read_decoder(folder).gpt
    with torch.no_grad():
        one, other = (gpt(Sequences.of(BATCH)).states for gpt in (beside, in_turn))
    assert (one - other).abs().max() > 0.1


@pytest.mark.parametrize(
    ("family", "inside", "older"),
    [
        ("llama", {}, {"rope_theta": 100_000.0, "rope_scaling": {"type": "default"}}),
        ("neox", {"partial_rotary_factor": 0.25}, {"rotary_emb_base": 100_000, "rotary_pct": 0.25}),
    ],
    ids=["llama", "neox"],
)
def test_both_spellings_of_rotary_positions_are_one_model_at_position_500_where_the_base_shows(
    family: str, inside: dict[str, Any], older: dict[str, Any], decoder: Any, change: Any
):
    parameters = {"rope_type": "default", "rope_theta": 100_000.0, **inside}
    theirs, folder = decoder(family, max_position_embeddings=600, rope_parameters=parameters)
    ids = torch.randint(250, (1, 520), generator=torch.Generator().manual_seed(5))
    newer = read_decoder(folder).gpt
    change(folder, rope_parameters=None, **older)
    assert read_decoder(folder).gpt.settings == newer.settings
    with torch.no_grad():
        states = read_decoder(folder).gpt(Sequences.of(pack([[ids[0].tolist()]]))).states
        wanted = theirs(input_ids=ids, output_hidden_states=True).hidden_states[-1][0]
    torch.testing.assert_close(states[500:], wanted[500:], rtol=1e-5, atol=1e-4)


def test_no_tensor_is_kept_while_the_next_is_read(decoder, monkeypatch):
    """So that reading takes the memory of one model."""
    _, folder = decoder("llama", save={"bf16": True})
    alive, read = [], Safetensors.read

    def watched(self, name):
        assert not [one for one in alive if one() is not None], name
        tensor = read(self, name)
        alive.append(weakref.ref(tensor))
        return tensor

    monkeypatch.setattr(Safetensors, "read", watched)
    read_decoder(folder)
    assert len(alive) == 20  # 9 of each layer, the embedding, the last norm


@pytest.mark.parametrize("family", ["llama", "neox"])
def test_at_the_rates_of_fine_tuning_weights_move_in_bf16_as_in_fp32(family, decoder, plan):
    """100 updates at 1e-5: they are kept in fp32, whatever products are computed in."""
    saved, moved = read_decoder(decoder(family)[1]), {}
    sequences = Sequences.of(pack([[row[:12].tolist()] for row in IDS]))
    for halves in (False, True):
        gpt = copy.deepcopy(saved.gpt)
        optimizer = Adam(gpt, plan(weight_decay=0.0))
        for update in range(100):
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=halves):
                loss = language_model_loss(gpt(sequences), sequences, Counts(2, 2), rows=gpt.settings.vocabulary)
            loss.backward()
            optimizer.prepare(update, 1e-5)
            optimizer.step()
        pairs = zip(gpt.parameters(), saved.gpt.parameters(), strict=True)
        moved[halves] = torch.cat([(one - other).detach().flatten() for one, other in pairs]).norm()
    assert moved[True] == pytest.approx(float(moved[False]), rel=0.1)


def test_a_model_of_gpt2s_form_that_was_made_here_is_written_though_its_feed_forward_size_was_not_said(
    decoder, tmp_path
):
    settings = ModelSettings(vocabulary=300, layers=1, width=64, heads=4, context=32, norm_at="before")
    assert not settings.feed_forward
    made = SavedModel(GPT(settings, seed=1).eval(), read_decoder(decoder("gpt2")[1]).tokenizer)
    write_decoder(tmp_path / "out", made)
    with torch.no_grad():
        theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out")(input_ids=IDS[:1, :30]).logits[0]
        hidden = made.gpt(Sequences.of(pack([[IDS[0, :30].tolist()]])))
    torch.testing.assert_close(hidden.states @ hidden.matrix[:300].T, theirs, **CLOSE)


def test_a_model_that_reads_both_ways_is_not_written_as_a_decoder(decoder, tmp_path):
    saved = read_decoder(decoder("llama")[1])
    head = HeadSettings(outputs=2, attend="both")
    both = replace(saved, gpt=GPT(saved.gpt.settings, head, seed=1))
    with pytest.raises(ModelError, match="causal, and this model was fine-tuned with --attend both"):
        write_decoder(tmp_path / "out", both)
    assert not (tmp_path / "out").exists()
