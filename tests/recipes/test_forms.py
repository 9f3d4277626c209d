"""A model of another form than the paper's, from pre-training to answers: nothing on the road takes it for granted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from foretext.checkpoints.model_card import model_card
from foretext.checkpoints.saved_model import load_model
from foretext.cli import main
from foretext.errors import SettingsError
from foretext.model.generation import generate
from foretext.model.gpt import GPT
from foretext.model.kernels.linear import int8_product
from foretext.model.settings import FORM, ModelShape
from foretext.recipes.evaluate import evaluate
from foretext.recipes.finetune import finetune
from foretext.recipes.pretrain import pretrain
from foretext.recipes.settings.evaluate import EvaluateSettings
from foretext.recipes.settings.finetune import FinetuneSettings
from foretext.recipes.settings.pretrain import PretrainSettings
from foretext.tasks.labelled import LabelledDataSettings
from foretext.training.objectives import FineTuning
from foretext.training.settings import LoopSettings

OTHER = {
    "norm": "rms",
    "norm_at": "before",
    "positions": "rotary",
    "query_key_norm": "rms",
    "activation": "relu2",
    "key_heads": 1,
    "biases": "none",
}
SIZES = {"context": 32, "layers": 2, "width": 32, "heads": 2, "initial_deviation": 0.1}
SHAPE = ModelShape(**SIZES, **OTHER, projections_start="zero")


def settings(language_model: Path, out: Path, precision: str = "fp32", **values: object) -> PretrainSettings:
    loop = LoopSettings(precision=precision, device="cpu", checkpoint_every=5, keep_checkpoints=9)
    given = {"updates": 20, "batch": 4, "learning_rate": 1e-2, "warmup": 8, "model": SHAPE, "loop": loop}
    return PretrainSettings(corpus=language_model.parent / "corpus", out=out, **{**given, **values})


def stopped_after(update: int, run: Path, out: Path) -> Path:
    """A copy of a finished run as it was when it had just written the checkpoint of `update`."""
    shutil.copytree(run, out)
    for name in ("model.json", "model.safetensors", "report.html"):
        (out / name).unlink()
    for folder in (out / "checkpoints").glob("update-*"):
        if int(folder.name.removeprefix("update-")) > update:
            shutil.rmtree(folder)
    (out / "checkpoints" / "latest").write_text(f"update-{update:08}")
    return out


@pytest.fixture(scope="module")
def other(language_model, tmp_path_factory):
    """A model of this form, pre-trained as long as the paper's of `language_model`."""
    out = tmp_path_factory.mktemp("other") / "model"
    pretrain(settings(language_model, out, updates=60, warmup=5))
    return out


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_run_that_stopped_ends_with_the_same_bits_wherever_it_was(language_model, tmp_path, precision):
    """In the warm-up, at its end and behind it."""
    pretrain(settings(language_model, tmp_path / "whole", precision))
    whole = (tmp_path / "whole" / "model.safetensors").read_bytes()
    for update in (5, 10, 15):
        out = stopped_after(update, tmp_path / "whole", tmp_path / f"after-{update}")
        pretrain(settings(language_model, out, precision, resume=True))
        assert (out / "model.safetensors").read_bytes() == whole, update


def test_a_run_of_another_form_is_not_resumed(language_model, tmp_path):
    pretrain(settings(language_model, tmp_path / "run", updates=5, warmup=1))
    papers = settings(language_model, tmp_path / "run", updates=5, warmup=1, resume=True, model=ModelShape(**SIZES))
    with pytest.raises(SettingsError, match="norm at: before before, not given now"):
        pretrain(papers)


def test_the_record_of_the_papers_form_is_that_of_before_there_were_others(language_model):
    """So that a run that was begun then can be resumed."""
    begun = json.loads((language_model / "run.json").read_text("utf-8"))
    assert not {*FORM, "projections_start"} & begun["settings"]["model"].keys()


def test_the_form_is_kept_said_and_departs(other, capsys):
    saved = load_model(other)
    assert saved.gpt.settings.own_form == OTHER
    departed = {d.setting: d.value for d in saved.history.pretraining.departures if d.stage == "model"}
    assert departed.items() >= {**OTHER, "projections_start": "zero", "rotary_base": 10_000.0}.items()
    assert main(["recipe", str(other)]) == 0
    assert "norm at before (not" in " ".join(capsys.readouterr().out.split())
    assert "as in GPT-1, but with norm rms, norm at before, positions rotary" in model_card(saved, name="other")


def test_another_model_may_go_on_from_it_if_it_has_its_form(language_model, other, tmp_path, capsys):
    pretrain(settings(language_model, tmp_path / "on", start=str(other), updates=5, warmup=1))
    assert load_model(tmp_path / "on").gpt.settings.own_form == OTHER
    command = (
        f"pretrain {language_model.parent / 'corpus'} --out {tmp_path / 'no'} --start {other} --layers 2 --width 32"
    )
    assert main([*command.split(), "--heads", "2", "--context", "32", "--activation", "swiglu"]) == 2
    assert "activation relu2, not swiglu" in capsys.readouterr().err


KINDS = {
    "classification": "train.csv",
    "entailment": "pairs.csv",
    "similarity": "scores.tsv",
    "choice": "choice.jsonl",
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_learned_and_answered_in_every_precision(other, labelled, tmp_path, kind, monkeypatch):
    rows = []
    made = FineTuning.__init__

    def noted(self, model, plan):
        made(self, model, plan)
        rows.append((self.rows, model.settings.first_position))

    monkeypatch.setattr(FineTuning, "__init__", noted)
    data = labelled / KINDS[kind]
    finetune(
        FinetuneSettings(
            model=str(other),
            out=tmp_path / "run",
            labelled=LabelledDataSettings(data=data, kind=kind),
            batch=8,
            learning_rate=1e-2,
            loop=LoopSettings(device="cpu", precision="fp32"),
        )
    )
    assert len({*rows[0]}) == 1  # pieces and special tokens: there are no rows of positions to be in the softmax
    scores = []
    for precision in ("fp32", "bf16", *(["int8"] if int8_product() else [])):
        found = evaluate(EvaluateSettings(model=str(tmp_path / "run"), data=data, precision=precision)).evaluation
        scores.append(found.metrics[found.main].value)
    assert max(scores) - min(scores) < 10


def test_it_generates(other):
    saved = load_model(other)
    ids = list(generate(saved.gpt, saved.tokenizer.encode("ann saw a"), tokens=20, temperature=0))
    assert len(ids) == 20
    assert max(ids) < saved.tokenizer.size


@pytest.mark.parametrize(
    ("format", "said"),
    [
        ("openai", "paper's form alone, and this model has norm rms"),
        ("hf", "none of llama, mistral, qwen2, qwen3, gpt2, gpt_neox has the form of this model (norm rms"),
    ],
)
def test_no_layout_of_others_takes_it_and_nothing_is_written(other, tmp_path, format, said, capsys):
    assert main(["export", format, str(other), str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_small_steps_are_not_rounded_away_in_bf16(language_model, tmp_path):
    """100 updates at 1e-5: the weights are in fp32, and move as far as where all is."""
    moved = []
    for precision in ("fp32", "bf16"):
        out = tmp_path / precision
        pretrain(settings(language_model, out, precision, updates=100, learning_rate=1e-5, warmup=1))
        gpt = load_model(out).gpt
        pairs = zip(gpt.parameters(), GPT(gpt.settings, seed=0).parameters(), strict=True)
        moved.append(torch.cat([(one - other).detach().flatten() for one, other in pairs]).norm().item())
    assert moved[1] == pytest.approx(moved[0], rel=0.1)
