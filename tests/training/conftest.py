"""A small training, ready to run."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from foretext.batch import Batch
from foretext.checkpoints.run_folder import RunFolder
from foretext.model.gpt import GPT
from foretext.model.settings import ModelSettings
from foretext.training.engine import Engine
from foretext.training.loop import Trainer
from foretext.training.muon import Muon
from foretext.training.objectives import LanguageModelling
from foretext.training.optimizer import Adam
from foretext.training.plan import Plan
from foretext.training.schedules import warmup_cosine
from foretext.training.settings import LoopSettings, OptimizerSettings

MODEL = ModelSettings(vocabulary=30, context=8, layers=2, width=16, heads=2)  # dropout is on


def batch_at(update: int, rank: int, world: int) -> Batch:
    random = np.random.default_rng([update, rank, world])
    return Batch(random.integers(0, 30, 32), np.full(4, 8), np.arange(4))


def trainer(
    folder,
    *,
    updates=12,
    validate=None,
    batch=batch_at,
    resume=False,
    rate=1e-2,
    precision="fp32",
    optimizer="adam",
    schedule=None,
    **loop,
):
    model = GPT(MODEL, seed=1)
    run = RunFolder.start(folder, {"name": "test"}, resume=resume) if folder else None
    plan = Plan.of(
        OptimizerSettings(optimizer=optimizer),
        LoopSettings(**{"log_every": 2, "checkpoint_every": 3, **loop}),
        updates=updates,
        learning_rate=rate,
        schedule=schedule or partial(warmup_cosine, warmup=2, total=12),
        seed=7,
        validate_every=3,
    )
    return Trainer(
        objective=LanguageModelling(model),
        plan=plan,
        engine=Engine.start("cpu", precision),
        optimizer=Muon(model, plan, precision=precision) if optimizer == "muon" else Adam(model, plan),
        batch_at=batch,
        folder=run,
        validate=validate,
    )


@pytest.fixture(name="batch_at")
def batches():
    return batch_at


@pytest.fixture(name="trainer", scope="session")
def make_trainer():
    return trainer
