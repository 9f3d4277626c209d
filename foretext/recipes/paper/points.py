"""The paper's recipe: every choice that the paper or its released code makes, each said once, here, as a point.

A point is one such choice, say that gradients are clipped. It has a number, by which other files cite it ("recipe
point 6"), and names the settings that hold it, such as `finetuning.clip`. Their defaults are the paper's values, so a
departure is a value that is not the default.

Source: Radford et al. 2018; `finetune-transformer-lm`, the code its authors released with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from foretext.recipes.settings.pretrain import MASKS
from foretext.training.settings import MUON

TRAINED = ("pretraining", "finetuning")


@dataclass(frozen=True)
class Point:
    """One point: what the paper says of it, what the released code does, and the settings that hold it here."""

    number: str  # as in docs/paper-map.md; 3.3 and 4.1 are sections of the paper
    name: str
    paper: str
    released: str
    settings: tuple[str, ...] = ()  # none: there is no other way here


POINTS = (
    Point(
        "1",
        "Transformer block",
        "masked self-attention and feed-forward layer, GELU, layer norm throughout",
        "tanh form of GELU; epsilon 1e-5; a norm after each sum; scores divided by the root of a head's width",
        (
            *("model.backbone", "model.norm", "model.norm_at", "model.norm_epsilon"),
            *("model.query_key_norm", "model.shifted_key_heads", "model.activation", "model.biases"),
            *("model.branches", "finetuning.attend"),
        ),
    ),
    Point(
        "2",
        "Batches of fine-tuning",
        "32 examples",
        "8 on each of 4 devices, averaged; the last partial batch of an epoch is dropped",
        ("finetuning.batch", "finetuning.last_batch"),
    ),
    Point(
        "3",
        "Rate of fine-tuning",
        "linear decay, warm-up over 0.2 % of the updates",
        "the decay works in the warm-up too; the first update has rate 0",
        ("finetuning.warmup",),
    ),
    Point(
        "4",
        "Adam",
        "Adam with decoupled weight decay",
        "betas 0.9 and 0.999; epsilon 1e-8 outside the bias correction, which scales the decay as well",
        tuple(f"{stage}.{name}" for name in ("adam", "beta1", "beta2", "epsilon") for stage in TRAINED),
    ),
    Point(
        "5",
        "Weight decay",
        "0.01 on all weights but biases and gains",
        "on every tensor of rank above 1, embeddings of special tokens and positions too",
        tuple(f"{stage}.weight_decay" for stage in TRAINED),
    ),
    Point(
        "6",
        "Gradient clipping",
        "nothing",
        "the global norm is at most 1",
        tuple(f"{stage}.clip" for stage in TRAINED),
    ),
    Point(
        "7",
        "Embeddings",
        "input and output share one matrix; positions are learned; weights start as N(0, 0.02)",
        "one matrix: tokens, 3 special tokens, positions; special tokens start afresh",
        (
            *("model.initial_deviation", "model.embedding_deviation", "model.projections_start"),
            *("model.positions", "model.rotary_base", "model.rotary_share", "model.output"),
            "finetuning.special_tokens_from",
        ),
    ),
    Point(
        "8",
        "Embedding dropout",
        "0.1",
        "drawn on the matrix once a step, so that input and softmax miss the same entries",
        tuple(f"{stage}.embedding_dropout_on" for stage in TRAINED),
    ),
    Point(
        "9",
        "Softmax of L1 in fine-tuning",
        "over the tokens",
        "over tokens, special tokens and as many positions as the longest example has",
        ("finetuning.softmax_rows",),
    ),
    Point(
        "10",
        "L1 of a batch in fine-tuning",
        "a sum over the tokens",
        "the mean over a sequence's targets, then over sequences; those of wrong answers count",
        ("finetuning.answer_losses",),
    ),
    Point(
        "11",
        "Padding",
        "nothing",
        "on the right, masked in the loss alone; the extract token stands before it",
    ),
    Point(
        "12",
        "Task head",
        "one linear layer on the state of the extract token; dropout 0.1",
        "one dropout mask an example, shared by its choices; weights start as the model's, bias 0; one logit a choice",
        ("finetuning.classifier_dropout", "finetuning.head_reads"),
    ),
    Point(
        "13",
        "Long examples",
        "nothing",
        "each of two fields gets half of the context and is cut from the right; there are never three",
        ("finetuning.cutting",),
    ),
    Point(
        "14",
        "Choice of the model",
        "nothing",
        "the epoch with the best score on held-out examples (374 of 1,871 for Story Cloze)",
        ("finetuning.keep",),
    ),
    Point(
        "15",
        "Layers transferred",
        "all; Figure 2 has the others",
        "-1 nothing, 0 the embeddings, k the embeddings and k blocks; the rest starts afresh",
        ("finetuning.transfer_layers", "finetuning.fresh_blocks"),
    ),
    Point(
        "16",
        "Similarity scores (STS-B)",
        "nothing",
        "traces of a soft choice among six grades, not of a regression",
        ("finetuning.scores",),
    ),
    Point(
        "17",
        "Tokenizer",
        "ftfy, spaCy, 40,000 merges",
        "marks stand alone, spaCy's words, then lower case, pieces with </w>; 40,478 pieces",
        ("model.tokenizer", "model.vocabulary"),
    ),
    Point(
        "3.1",
        "Objective of pre-training",
        "L1: each token from those before it",
        "not released",
        tuple(f"pretraining.{name}" for name in ("masked_share", *MASKS)),
    ),
    Point(
        "3.2",
        "Start of fine-tuning",
        "the pre-trained language model",
        "the same",
        ("finetuning.intermediate_task",),
    ),
    Point(
        "3.3",
        "Texts of an example",
        "each stands once in a sequence (Figure 1)",
        "the same",
        ("finetuning.times_read",),
    ),
    Point(
        "4.1",
        "Size",
        "12 layers, width 768, 12 heads, feed-forward 3,072, context 512 (section 5: LSTM of 1 layer, 2,048 units)",
        "the same",
        (
            *("model.layers", "model.width", "model.heads", "model.key_heads", "model.head_width"),
            *("model.feed_forward", "model.context", "model.lstm_units"),
        ),
    ),
    Point(
        "4.1",
        "Dropout of pre-training",
        "0.1 on embeddings, attention weights and residual sums",
        "not released",
        tuple(f"pretraining.{kind}_dropout" for kind in ("embedding", "attention", "residual")),
    ),
    Point(
        "4.1",
        "Dropout of fine-tuning",
        "the same",
        "0.1; each sequence draws its own",
        ("finetuning.dropout", "finetuning.shared_prefixes"),
    ),
    Point(
        "4.1",
        "Optimizer",
        "Adam for all weights",
        "the same",
        tuple(f"{stage}.{name}" for name in ("optimizer", *MUON) for stage in TRAINED),
    ),
    Point(
        "4.1",
        "Pre-training",
        "rate 2.5e-4, warm-up over 2,000 updates, then a cosine; 64 windows a batch; 100 epochs",
        "not released",
        tuple(
            f"pretraining.{name}"
            for name in ("start", "learning_rate", "warmup", "schedule", "fall", "batch", "length", "repeat_share")
        ),
    ),
    Point(
        "4.1",
        "Fine-tuning",
        "rate 6.25e-5, 3 epochs, weight of L1 0.5",
        "the same",
        tuple(
            f"finetuning.{name}"
            for name in ("learning_rate", "layer_decay", "epochs", "least_updates", "language_model_weight")
        ),
    ),
    Point(
        "4.1",
        "Arithmetic",
        "nothing",
        "fp32",
        tuple(f"{stage}.precision" for stage in TRAINED),
    ),
)
