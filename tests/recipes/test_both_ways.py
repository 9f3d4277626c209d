"""Reading both ways on the whole road: masked windows in pre-training, --attend both in fine-tuning and ever after."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from foretext.checkpoints.saved_model import load_model
from foretext.cli import main
from foretext.model.kernels.linear import int8_product
from foretext.recipes.evaluate import evaluate
from foretext.recipes.finetune import finetune
from foretext.recipes.pretrain import pretrain
from foretext.recipes.settings.evaluate import EvaluateSettings
from foretext.recipes.settings.finetune import FinetuneSettings
from foretext.recipes.settings.pretrain import PretrainSettings
from foretext.serving.predictor import Predictor
from foretext.tasks.labelled import LabelledDataSettings
from foretext.training.settings import LoopSettings, PointSettings

SMALL = "--layers 1 --width 32 --heads 2 --context 32 --initial-deviation 0.1 --batch 4 --warmup 2 --device cpu"
MASKED = "--masked-share 0.5 --mask-rate 0.3 --mask-rate-end 0.2 --masked-from 0.5"


@pytest.fixture(scope="module")
def masked(language_model, tmp_path_factory):
    """A pre-training of which the second half has masked windows, and what it logged; all its checkpoints are there."""
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    logger, out = logging.getLogger("foretext"), tmp_path_factory.mktemp("masked") / "model"
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    assert main(command(language_model, out)) == 0
    logger.removeHandler(handler)
    logger.setLevel(level)
    return out, said


def command(language_model: Path, out: Path, *flags: str) -> list[str]:
    fixed = f"--updates 20 --learning-rate 1e-2 --checkpoint-every 5 --keep-checkpoints 9 --log-every 4 {MASKED}"
    return [
        "pretrain",
        str(language_model.parent / "corpus"),
        "--out",
        str(out),
        *SMALL.split(),
        *fixed.split(),
        *flags,
    ]


def lines(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text("utf-8").splitlines()]


def test_losses_of_either_kind_are_logged_apart_and_validation_is_causal(masked, language_model):
    out, said = masked
    logged = {line["update"]: line for line in lines(out) if "loss" in line}
    assert "2 of 4 windows of an update are read both ways from update 11 on" in said
    assert [("masked_loss" in logged[at], "causal_loss" in logged[at]) for at in (8, 12)] == [(False,) * 2, (True,) * 2]
    for at in (16, 20):
        mean = (logged[at]["masked_loss"] + logged[at]["causal_loss"]) / 2
        assert logged[at]["loss"] == pytest.approx(mean, abs=1e-5)
    model = load_model(out)
    assert model.gpt.attend == "causal"
    assert model.gpt.embedding.shape == load_model(language_model).gpt.embedding.shape


@pytest.mark.parametrize("update", [5, 10, 15])
def test_a_run_that_stopped_ends_with_the_same_bits_wherever_it_was(masked, language_model, tmp_path, update):
    """Before masked windows, where they begin and among them; in parts of another size."""
    whole, _ = masked
    out = tmp_path / "again"
    shutil.copytree(whole, out)
    for name in ("model.json", "model.safetensors", "report.html"):
        (out / name).unlink()
    for folder in (out / "checkpoints").glob("update-*"):
        if int(folder.name.removeprefix("update-")) > update:
            shutil.rmtree(folder)
    (out / "checkpoints" / "latest").write_text(f"update-{update:08}")
    assert main(command(language_model, out, "--resume")) == 0
    assert (out / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    times = {"seconds", "tokens_per_second"}
    of_either = [[{k: v for k, v in line.items() if k not in times} for line in lines(each)] for each in (out, whole)]
    assert of_either[0] == of_either[1]


def test_it_is_said_kept_and_shown_as_a_departure(masked, language_model, capsys):
    out, said = masked
    line = next(text for text in said if text.startswith("departs from the paper in pre-training"))
    assert (
        "masked share 0.5 (0), mask rate 0.3 (nothing), mask rate end 0.2 (nothing), masked from 0.5 (nothing)" in line
    )
    capsys.readouterr()
    assert main(["recipe", str(out)]) == 0
    assert "masked share 0.5 (not 0)" in " ".join(capsys.readouterr().out.split())
    papers = json.loads((language_model / "model.json").read_text())["history"]["pretraining"]["departures"]
    assert not [each for each in papers if "mask" in each["setting"]]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--mask-rate 0.2", "--mask-rate is for masked windows; give --masked-share too"),
        ("--masked-share 0.1", "--masked-share 0.1 of a batch of 4 is less than half a window; give 0.25 or more"),
        ("--masked-share 0.5 --masked-from 0.99 --updates 4", "--masked-from 0.99 of 4 updates leaves none"),
        ("--masked-share 0.5 --backbone lstm --lstm-units 32", "--masked-share is for Transformers"),
    ],
)
def test_masks_that_cannot_be_are_refused(language_model, tmp_path, capsys, flags, message):
    given = [*SMALL.split(), *flags.split()]
    assert main(["pretrain", str(language_model.parent / "corpus"), "--out", str(tmp_path / "run"), *given]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "run").exists()


def tuned(model: Path, data: Path, out: Path, kind: str, **values: object) -> Path:
    finetune(
        FinetuneSettings(
            model=str(model),
            out=out,
            labelled=LabelledDataSettings(data=data, kind=kind),
            **{
                "epochs": 2,
                "batch": 8,
                "learning_rate": 1e-2,
                "language_model_weight": 0,
                "points": PointSettings(attend="both"),
                "loop": LoopSettings(device="cpu", precision="fp32"),
                **values,
            },
        )
    )
    return out


@pytest.fixture(scope="module")
def both(masked, labelled, tmp_path_factory):
    """That model, fine-tuned with --attend both to say which animal a sentence is about."""
    return tuned(masked[0], labelled / "train.csv", tmp_path_factory.mktemp("both") / "run", "classification")


@pytest.mark.parametrize("kind", ["entailment", "similarity", "choice"])
def test_every_kind_is_learned_and_answered_in_every_precision(masked, labelled, tmp_path, kind):
    data = labelled / {"entailment": "pairs.csv", "similarity": "scores.tsv", "choice": "choice.jsonl"}[kind]
    out = tuned(masked[0], data, tmp_path / "run", kind)
    scores = []
    for precision in ("fp32", "bf16", *(["int8"] if int8_product() else [])):
        found = evaluate(EvaluateSettings(model=str(out), data=data, precision=precision)).evaluation
        scores.append(found.metrics[found.main].value)
    assert max(scores) - min(scores) < 10


def test_parts_of_a_batch_make_the_same_model(masked, labelled, both, tmp_path):
    loop = LoopSettings(device="cpu", precision="fp32", micro_batch=3)
    parts = tuned(masked[0], labelled / "train.csv", tmp_path / "run", "classification", dropout=0, loop=loop)
    loop = LoopSettings(device="cpu", precision="fp32")
    whole = tuned(masked[0], labelled / "train.csv", tmp_path / "whole", "classification", dropout=0, loop=loop)
    one, other = (load_model(each).gpt for each in (parts, whole))
    for weight, same in zip(one.parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(weight.detach().numpy(), same.detach().numpy(), atol=1e-3)


def test_a_fine_tuned_model_reads_so_wherever_it_is_used_and_says_so(both, labelled, tmp_path, capsys):
    saved = load_model(both)
    assert saved.gpt.attend == "both"
    departed = {d.setting: (d.point, d.value, d.paper) for d in saved.history.finetuning.departures}
    assert departed["attend"] == ("1", "both", "causal")
    noted, forward = [], type(saved.gpt).forward
    with pytest.MonkeyPatch.context() as patch:

        def seen(self, sequences, at=None):
            noted.append((sequences.both_ways, sequences.rows))
            return forward(self, sequences, at)

        patch.setattr(type(saved.gpt), "forward", seen)
        Predictor.of(saved, device="cpu", precision="fp32").predict(["Ann saw a cat in the barn."])
        assert main(["evaluate", str(both), str(labelled / "test.csv"), "--device", "cpu"]) == 0
        vectors = tmp_path / "vectors.npy"
        assert main(["embed", str(both), str(labelled / "test.csv"), "--out", str(vectors), "--device", "cpu"]) == 0
    assert noted
    assert all(both_ways == rows for both_ways, rows in noted)
    assert np.load(vectors).shape == (24, 32)
    capsys.readouterr()
    assert main(["recipe", str(both)]) == 0
    assert "attend both (not causal)" in " ".join(capsys.readouterr().out.split())


def test_it_is_no_language_model_any_more_nor_can_be_written_as_one(both, tmp_path, capsys):
    text = tmp_path / "text.txt"
    text.write_text("Ann saw a cat in the barn.")
    for words in (["generate", str(both), "Ann saw"], ["perplexity", str(both), str(text)]):
        assert main([*words, "--device", "cpu"]) == 2
        assert "fine-tuned with --attend both and predicts no tokens" in " ".join(capsys.readouterr().err.split())
    assert main(["export", "openai", str(both), str(tmp_path / "out")]) == 2
    assert "hold causal models alone" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("", "with --attend both each token sees those that the language-model loss would have it predict"),
        ("--language-model-weight 0 --shared-prefixes always", "--shared-prefixes always is for --attend causal"),
    ],
)
def test_what_cannot_go_with_it_is_refused(language_model, labelled, tmp_path, capsys, flags, message):
    words = ["finetune", str(language_model), str(labelled / "train.csv"), "--out", str(tmp_path / "run")]
    assert main([*words, "--attend", "both", *flags.split()]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "run").exists()


def test_a_run_of_a_version_that_knew_neither_goes_on(language_model, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(language_model, out)
    identity = json.loads((out / "run.json").read_text())
    for name in ("masked_share", "mask_rate", "mask_rate_end", "masked_from"):
        del identity["settings"][name]
    (out / "run.json").write_text(json.dumps(identity))
    loop = LoopSettings(precision="fp32", device="cpu")
    given = json.loads((language_model / "model.json").read_text())["model"]
    shape = {name: given[name] for name in ("context", "layers", "width", "heads", "initial_deviation")}
    settings = PretrainSettings(
        corpus=language_model.parent / "corpus",
        out=out,
        updates=60,
        batch=4,
        learning_rate=1e-2,
        warmup=5,
        model=shape,
        loop=loop,
        resume=True,
    )
    assert pretrain(settings).updates == 60
