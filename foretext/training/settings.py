"""How long, how fast and with what care to train; the two stages of the paper are two sets of defaults."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from foretext.batch import Attend
from foretext.errors import SettingsError
from foretext.settings import Settings, refuse_without

Precision = Literal["auto", "fp32", "bf16"]
TrackerName = Literal["tensorboard", "trackio", "wandb"]
MUON = ("muon_rate", "muon_momentum", "muon_steps")  # what means nothing without Muon


class OptimizerSettings(Settings):
    """Adam as the released code writes it (recipe points 4, 5 and 6), or Muon beside it."""

    beta1: float = Field(0.9, ge=0, lt=1)
    """Decay of the running mean of gradients."""
    beta2: float = Field(0.999, ge=0, lt=1)
    """Decay of the running mean of squared gradients."""
    epsilon: float = Field(1e-8, gt=0)
    """Added to the root of the second moment."""
    weight_decay: float = Field(0.01, ge=0)
    """Decoupled decay of every tensor of rank above 1."""
    clip: float = Field(1.0, ge=0)
    """Largest global norm of the gradient; 0 means no clipping."""
    adam: Literal["released", "torch"] = "released"
    """released: epsilon outside the bias correction, which scales the decay too. torch: AdamW as torch has it."""
    optimizer: Literal["adam", "muon"] = "adam"
    """adam: for all weights. muon: for the matrices inside the layers, whose steps it makes orthogonal; embeddings,
    head, biases and gains stay with Adam."""
    muon_rate: float | None = Field(None, gt=0)
    """Peak of the rate for Muon's matrices; it rises and falls as that of Adam, --learning-rate, does. Not given: 20
    times that."""
    muon_momentum: float = Field(0.95, ge=0, lt=1)
    """Decay of Muon's running mean of gradients; a step looks ahead as Nesterov does."""
    muon_steps: int = Field(5, ge=1)
    """Newton-Schulz steps towards an orthogonal matrix, in each update."""

    @model_validator(mode="after")
    def _muon_is_asked_for(self) -> OptimizerSettings:
        refuse_without(self, MUON, "optimizer", "muon")
        return self


class PointSettings(Settings):
    """Points of the paper's recipe that its released code settles in fine-tuning; the defaults are the released code's.

    A point is one thing that paper and code ask for. `foretext recipe` shows all of them, by the numbers used below.
    """

    last_batch: Literal["drop", "spread"] = "drop"
    """drop: the last partial batch of an epoch is left out. spread: an epoch is cut into one batch more, all of nearly
    one size, and each example is seen (recipe point 2)."""
    embedding_dropout_on: Literal["matrix", "input"] = "matrix"
    """matrix: dropout is drawn on the embedding matrix once a step, so that input and softmax miss the same entries.
    input: it is drawn on each token's embedding, and the softmax sees all (point 8)."""
    softmax_rows: Literal["longest", "all", "no_positions"] = "longest"
    """longest: the softmax of the auxiliary loss runs over tokens, special tokens and positions, as many of these as
    the longest example has. all: over every position of the context. no_positions: over what can be a target, tokens
    and special tokens (point 9)."""
    answer_losses: Literal["all", "right"] = "all"
    """Multiple choice: whose text the auxiliary loss learns. all: that of wrong answers too. right: the right ones'
    alone (point 10)."""
    head_reads: Literal["extract", "mean"] = "extract"
    """extract: the task head reads the state of the extract token. mean: the mean state of all tokens (point 12)."""

    attend: Attend = "causal"
    """causal: each token sees itself and what comes before it. both: it sees its whole sequence, here and wherever the
    fine-tuned model is used; this takes --language-model-weight 0, and a model that was pre-trained with --masked-share
    has learned to read so (point 1)."""
    shared_prefixes: Literal["exact", "always"] = "exact"
    """What sequences begin with alike, as a document before its answers, is computed once. exact: only where that
    changes nothing, in evaluation and in training without dropout. always: in training with dropout too, so that
    the answers of a question see their document under one dropout mask (section 4.1)."""
    special_tokens_from: str = ""
    """Three pieces of the vocabulary with blanks between, say ". : .", whose learned embeddings the start, delimiter
    and extract tokens start from. Not given: they start at random, as without pre-training always (point 7)."""

    @model_validator(mode="after")
    def _what_is_shared_is_seen_alike(self) -> PointSettings:
        if self.attend == "both" and self.shared_prefixes == "always":
            raise SettingsError(
                "--shared-prefixes always is for --attend causal: what sequences begin with is not alike where each "
                "token sees its whole sequence"
            )
        return self


class LoopSettings(Settings):
    """What both stages share: device, precision, memory, logging, checkpoints, stopping."""

    micro_batch: Annotated[int, Field(ge=0)] | Literal["auto"] = 0
    """Examples in memory at once; the gradient is the same. 0 means the whole batch, auto as many as fit."""
    recompute: bool = False
    """Keep no activations inside the layers, but compute them again when the gradient asks: less memory for about a
    third more work, and the same result, dropout included."""
    compile: Literal["no", "layers", "graphs"] = "no"
    """layers: torch.compile makes one program of a layer and one of the loss, which takes a minute and pays on an
    accelerator. graphs: these run as CUDA graphs besides, for batches so small that starting kernels is the work."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    precision: Precision = "auto"
    """fp32, bf16 (fp32 weights, bf16 products), or auto: bf16 where the hardware computes in it."""
    devices: int = Field(0, ge=0)
    """Processes on this machine that share each update, one a device; they compute what one computes. 0: those that
    torchrun or srun have started, else one."""
    strategy: Literal["ddp", "fsdp"] = "ddp"
    """ddp: each process has all weights. fsdp: weights, gradients and moments are in shards, one a process, and come
    together layer by layer: less memory on a device, more traffic. Checkpoints are the same. One process has all
    weights either way."""
    max_restarts: int = Field(0, ge=0)
    """With --devices: how often all processes start again, from the last checkpoint, when one was killed."""
    wait_seconds: float = Field(1_800.0, gt=0)
    """How long processes wait for one of them before the run ends, with the name of the one that does not come."""
    log_every: int = Field(10, ge=1)
    """Updates between two lines of metrics.jsonl."""
    log_to: tuple[TrackerName, ...] = ()
    """Who has these lines besides: tensorboard (in RUN/tensorboard), trackio, or wandb (Weights & Biases, in files that
    wait for `wandb sync` unless WANDB_MODE=online)."""
    validate_every: int = Field(0, ge=0)
    """Updates between two validations; 0 means once an epoch in fine-tuning, 20 times a run in pre-training."""
    checkpoint_every: int = Field(0, ge=0)
    """Updates between two checkpoints; 0 means at every validation. Without validation examples it is as often as
    --validate-every says: 20 times a run in pre-training; in fine-tuning once an epoch, but 100 updates apart at
    least."""
    keep_checkpoints: int = Field(2, ge=1)
    """How many of the newest checkpoints to keep, the best one aside."""
    patience: int = Field(0, ge=0)
    """Stop after so many validations in a row without a better one; 0 means never."""
    max_hours: float = Field(0.0, ge=0)
    """Stop after so many hours, start-up included, with a checkpoint from which --resume goes on, and exit code 130; 0
    means no limit. The schedule is that of the whole run."""
    minutes: float = Field(0.0, ge=0)
    """Plan the run to end after so many minutes: the speed is measured, and the number of updates, with the schedule,
    follows from it. It takes the place of --updates and --epochs; 0 means these say how long the run is."""
    watch: Literal["off", "warn", "act"] = "act"
    """What to do about updates far outside the band of those before, and about losses and gradients that stay outside.
    act: leave such an update out; go back to a checkpoint from before the trouble, up to two times, then stop. It
    changes nothing in a sound run. warn: say so. off: train as the paper does."""

    @model_validator(mode="after")
    def _what_starts_again_is_started_here(self) -> LoopSettings:
        if self.max_restarts and self.devices < 2:
            raise SettingsError(
                f"--max-restarts {self.max_restarts} is for processes that --devices starts; give --devices 2 or more, "
                "or give it to torchrun, which starts again what it has started"
            )
        return self
