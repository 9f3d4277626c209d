"""Families of decoders that are read from a folder of `transformers`: what their config.json says, in our settings.

    family       what sets it apart
    llama        RMSNorm before, SwiGLU, rotary positions, grouped queries; biases where it says so
    mistral      the same without biases; a window of attention must not be in effect
    qwen2        biases on queries, keys and values
    qwen3        an RMSNorm on queries and keys of each head
    gpt2         layer norm before, learned positions, tanh GELU
    gpt_neox     layer norm before, a part of each head turned, both branches beside each other, exact GELU

Each is read by a function from the file's fields to our settings, and written by one that gives them back; a model fits
a family if what is written is read as what it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretext.checkpoints.fields import Fields
from foretext.errors import ModelError, SettingsError
from foretext.model.settings import FORM, Activation, Biases, ModelSettings

Shape = dict[str, Any]  # settings by name

CONFIG = "config.json"
_SAME = {"backbone", "context", "layers", "width", "heads", "feed_forward", "vocabulary", *FORM}  # of what fits

TANH_GELU, EXACT_GELU = "gelu_new", "gelu"
ACTIVATIONS: dict[str, Activation] = {
    TANH_GELU: "gelu",
    EXACT_GELU: "gelu_erf",
    "relu": "relu",
    "silu": "silu",
    "gelu_pytorch_tanh": "gelu",
    "gelu_fast": "gelu",
    "swish": "silu",
}  # the first of each kind is the one that is written
GATED: dict[str, Activation] = {"silu": "swiglu"}
# (attention_bias, mlp_bias) of Llama
BIASES: dict[tuple[bool, bool], Biases] = {
    (True, True): "all",
    (True, False): "attention",
    (False, True): "feed_forward",
    (False, False): "none",
}
# What changes nothing of what is computed here.
HARMLESS = {
    *("model_type", "architectures", "torch_dtype", "dtype", "transformers_version", "use_cache", "_name_or_path"),
    *("bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "decoder_start_token_id", "tokenizer_class"),
    *("task_specific_params", "pretraining_tp", "is_llama_config", "transformers.js_config"),
    *("_attn_implementation", "_attn_implementation_autoset", "attn_implementation", "output_attentions"),
    *("output_hidden_states", "return_dict", "id2label", "label2id", "problem_type", "chunk_size_feed_forward"),
    *("summary_type", "summary_use_proj", "summary_activation", "summary_proj_to_labels", "summary_first_dropout"),
    *("reorder_and_upcast_attn", "gradient_checkpointing", "classifier_dropout", "n_ctx", "max_window_layers"),
    *(
        "is_decoder",
        "finetuning_task",
        "torchscript",
        "num_labels",
        "_num_labels",
        "eos_token",
        "bos_token",
        "use_mrope",
    ),
}


@dataclass(frozen=True)
class Family:
    """How the config.json of a family is read and written."""

    architecture: str  # what `transformers` calls its language model
    read: Callable[[Fields], Shape]
    write: Callable[[ModelSettings], dict[str, Any]]


def read_shape(model_type: str, fields: Fields, *, context: int | None = None) -> Shape:
    """Our settings from the fields of a config.json; `context` takes the place of the one that is there.

    Raises:
        ModelError: a field is missing, or has a value that cannot be expressed here.
    """
    fields.must_be({"quantization_config": None})
    shape = in_context(FAMILIES[model_type].read(fields), context, fields.file)
    fields.say_unread(HARMLESS)
    return shape


def in_context(shape: Shape, wanted: int | None, file: Path) -> Shape:
    """The shape with the context that is wanted, if one is; without the window, which must not be in effect.

    Learned positions are all read; what is more than is wanted is cut off then.

    Raises:
        ModelError: there are not so many positions, or attention would have a window.
    """
    there, window = shape["context"], shape.get("window")
    if wanted is not None and wanted > there and shape.get("positions", "learned") == "learned":
        raise ModelError(
            f"{file}: there are learned positions for {there:,} tokens, and none for a context of {wanted:,}; "
            f"give --context {there} or less"
        )
    context = there if wanted is None else wanted
    if window is not None and window < context:
        raise ModelError(
            f"{file}: sliding_window is {window}, below the context of {context:,}, and attention here has no "
            f"window; import it with --context {window}, up to which it changes nothing"
        )
    read = context if shape.get("positions") == "rotary" else there
    return {**{name: value for name, value in shape.items() if name != "window"}, "context": read}


def fitting(settings: ModelSettings, *, first: str | None = None) -> str | None:
    """The family whose config.json can say all of the form of `settings`; `first` is tried before others."""
    for name in dict.fromkeys([*([first] if first in FAMILIES else []), *FAMILIES]):
        written = FAMILIES[name].write(settings)
        read = FAMILIES[name].read(Fields(written, Path(CONFIG)))
        read.pop("window", None)
        try:
            again = ModelSettings(**read)
        except SettingsError:
            continue
        if _same(again) == _same(settings):
            return name
    return None


def _same(settings: ModelSettings) -> Shape:
    """What two models of one form and size agree in, whether or not the usual size was spelt out."""
    return {**settings.model_dump(include=_SAME), "feed_forward": settings.hidden}


def _llama(fields: Fields) -> Shape:
    biases = BIASES[fields.flag("attention_bias", False), fields.flag("mlp_bias", False)]
    fields.must_be({"rope_interleaved": False})
    return {**_like_llama(fields), "biases": biases}


def _mistral(fields: Fields) -> Shape:
    fields.must_be({"attention_bias": False, "mlp_bias": False})
    window = fields.get("sliding_window")
    return {**_like_llama(fields), "biases": "none", "window": window}


def _qwen2(fields: Fields) -> Shape:
    return {**_like_llama(fields), "biases": "query_key_value", "window": _qwen_window(fields)}


def _qwen3(fields: Fields) -> Shape:
    biases = BIASES[fields.flag("attention_bias", False), False]
    fields.count("head_dim")  # Qwen3 has no rule for it where it is missing
    return {**_like_llama(fields), "biases": biases, "query_key_norm": "rms", "window": _qwen_window(fields)}


def _qwen_window(fields: Fields) -> int | None:
    """The window of attention where it is switched on."""
    kinds = fields.get("layer_types") or []
    window: int | None = fields.get("sliding_window")
    if not fields.flag("use_sliding_window", False) or (kinds and set(kinds) == {"full_attention"}):
        return None
    return window


def _like_llama(fields: Fields) -> Shape:
    heads = fields.count("num_attention_heads")
    theta, _ = rotary(fields, "rope_theta")
    return {
        "layers": fields.count("num_hidden_layers"),
        "width": fields.count("hidden_size"),
        "heads": heads,
        "key_heads": fields.count("num_key_value_heads", heads),
        "head_width": fields.count("head_dim", 0) if fields.get("head_dim") else 0,
        "feed_forward": fields.count("intermediate_size"),
        "context": fields.count("max_position_embeddings"),
        "vocabulary": fields.count("vocab_size"),
        "norm": "rms",
        "norm_at": "before",
        "norm_epsilon": fields.number("rms_norm_eps"),
        "positions": "rotary",
        "rotary_base": theta,
        "activation": fields.named("hidden_act", GATED, "silu"),
        "output": "tied" if fields.flag("tie_word_embeddings", False) else "own",
        "initial_deviation": fields.number("initializer_range", 0.02),
        "embedding_dropout": 0.0,
        "attention_dropout": fields.number("attention_dropout", 0.0),
        "residual_dropout": 0.0,
    }


def _gpt2(fields: Fields) -> Shape:
    fields.must_be({"scale_attn_weights": True, "scale_attn_by_inverse_layer_idx": False, "add_cross_attention": False})
    return {
        "layers": fields.count("n_layer"),
        "width": fields.count("n_embd"),
        "heads": fields.count("n_head"),
        "feed_forward": fields.count("n_inner", 4 * fields.count("n_embd")),
        "context": fields.count("n_positions"),
        "vocabulary": fields.count("vocab_size"),
        "norm_at": "before",
        "norm_epsilon": fields.number("layer_norm_epsilon", 1e-5),
        "activation": fields.named("activation_function", ACTIVATIONS, TANH_GELU),
        "output": "tied" if fields.flag("tie_word_embeddings", True) else "own",
        "initial_deviation": fields.number("initializer_range", 0.02),
        "embedding_dropout": fields.number("embd_pdrop", 0.1),
        "attention_dropout": fields.number("attn_pdrop", 0.1),
        "residual_dropout": fields.number("resid_pdrop", 0.1),
    }


def _neox(fields: Fields) -> Shape:
    theta, share = rotary(fields, "rotary_emb_base", share="rotary_pct")
    hidden = fields.number("hidden_dropout", 0.0)
    return {
        "layers": fields.count("num_hidden_layers"),
        "width": fields.count("hidden_size"),
        "heads": fields.count("num_attention_heads"),
        "feed_forward": fields.count("intermediate_size"),
        "context": fields.count("max_position_embeddings"),
        "vocabulary": fields.count("vocab_size"),
        "norm_at": "before",
        "norm_epsilon": fields.number("layer_norm_eps", 1e-5),
        "positions": "rotary",
        "rotary_base": theta,
        "rotary_share": share,
        "activation": fields.named("hidden_act", ACTIVATIONS, EXACT_GELU),
        "biases": "all" if fields.flag("attention_bias", True) else "feed_forward",
        "branches": "beside" if fields.flag("use_parallel_residual", True) else "in_turn",
        "output": "tied" if fields.flag("tie_word_embeddings", False) else "own",
        "initial_deviation": fields.number("initializer_range", 0.02),
        "embedding_dropout": hidden,
        "attention_dropout": fields.number("attention_dropout", 0.0),
        "residual_dropout": hidden,
    }


def rotary(fields: Fields, base: str, *, share: str | None = None) -> tuple[float, float]:
    """The base of rotary positions, and the share of a head that they turn, in either spelling.

    Since version 5 both stand in rope_parameters; before they stood by themselves, as `base` and `share`, and a scaling
    in rope_scaling.

    Raises:
        ModelError: there is no base, the two spellings differ, or positions are scaled.
    """
    given = {name: fields.get(name, {}) for name in ("rope_parameters", "rope_scaling")}
    for name, values in given.items():
        if not isinstance(values, Mapping) or any(isinstance(value, Mapping) for value in values.values()):
            raise fields.wrong(name, values, "one set of fields for all layers")
        kind = values.get("rope_type", values.get("type", "default"))
        if kind != "default":
            raise fields.wrong(f"{name}: rope_type", kind, "default: positions that are scaled are not known here")
    parameters = {**given["rope_scaling"], **given["rope_parameters"]}
    found = []
    for inside, outside, usual in (("rope_theta", base, None), ("partial_rotary_factor", share, 1.0)):
        values = [parameters.get(inside), fields.get(outside) if outside else None, fields.get(inside)]
        said = {value for value in values if value is not None}
        if len(said) > 1:
            raise ModelError(f"{fields.file}: {inside} is given as {' and as '.join(map(str, sorted(said)))}; keep one")
        if not said and (usual is None or outside):
            name = outside or inside
            raise ModelError(
                f"{fields.file} lacks {name}, and rope_parameters with {inside}: without it positions are not known; "
                f"add {name}, if you know it"
            )
        found.append(float(said.pop()) if said else float(usual or 0))
    return found[0], found[1]


def _write_llama(settings: ModelSettings) -> dict[str, Any]:
    attention, mlp = next((pair for pair, biases in BIASES.items() if biases == settings.biases), (False, False))
    return {**_write_like_llama(settings), "attention_bias": attention, "mlp_bias": mlp}


def _write_mistral(settings: ModelSettings) -> dict[str, Any]:
    return {**_write_like_llama(settings), "sliding_window": None}


def _write_qwen3(settings: ModelSettings) -> dict[str, Any]:
    return {**_write_like_llama(settings), "attention_bias": settings.biases == "attention"}


def _write_like_llama(settings: ModelSettings) -> dict[str, Any]:
    return {
        "num_hidden_layers": settings.layers,
        "hidden_size": settings.width,
        "num_attention_heads": settings.heads,
        "num_key_value_heads": settings.key_heads or settings.heads,
        "head_dim": settings.head_size,
        "intermediate_size": settings.hidden,
        "max_position_embeddings": settings.context,
        "vocab_size": settings.vocabulary,
        "rms_norm_eps": settings.norm_epsilon,
        "rope_parameters": {"rope_type": "default", "rope_theta": settings.rotary_base},
        "rope_theta": settings.rotary_base,
        "hidden_act": "silu",
        "tie_word_embeddings": settings.output == "tied",
        "initializer_range": settings.initial_deviation,
        "attention_dropout": settings.attention_dropout,
    }


def _write_gpt2(settings: ModelSettings) -> dict[str, Any]:
    return {
        "n_layer": settings.layers,
        "n_embd": settings.width,
        "n_head": settings.heads,
        "n_inner": settings.hidden,
        "n_positions": settings.context,
        "vocab_size": settings.vocabulary,
        "layer_norm_epsilon": settings.norm_epsilon,
        "activation_function": _activation(settings),
        "tie_word_embeddings": settings.output == "tied",
        "initializer_range": settings.initial_deviation,
        "embd_pdrop": settings.embedding_dropout,
        "attn_pdrop": settings.attention_dropout,
        "resid_pdrop": settings.residual_dropout,
    }


def _write_neox(settings: ModelSettings) -> dict[str, Any]:
    return {
        "num_hidden_layers": settings.layers,
        "hidden_size": settings.width,
        "num_attention_heads": settings.heads,
        "intermediate_size": settings.hidden,
        "max_position_embeddings": settings.context,
        "vocab_size": settings.vocabulary,
        "layer_norm_eps": settings.norm_epsilon,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": settings.rotary_base,
            "partial_rotary_factor": settings.rotary_share,
        },
        "rotary_emb_base": settings.rotary_base,
        "rotary_pct": settings.rotary_share,
        "hidden_act": _activation(settings),
        "attention_bias": settings.biases == "all",
        "use_parallel_residual": settings.branches == "beside",
        "tie_word_embeddings": settings.output == "tied",
        "initializer_range": settings.initial_deviation,
        "hidden_dropout": settings.residual_dropout,
        "attention_dropout": settings.attention_dropout,
    }


def _activation(settings: ModelSettings) -> str:
    """The name of an activation there; one that there is none for is read as another, so the family does not fit."""
    return next((name for name, ours in ACTIVATIONS.items() if ours == settings.activation), EXACT_GELU)


FAMILIES: dict[str, Family] = {
    "llama": Family("LlamaForCausalLM", _llama, _write_llama),
    "mistral": Family("MistralForCausalLM", _mistral, _write_mistral),
    "qwen2": Family("Qwen2ForCausalLM", _qwen2, _write_like_llama),
    "qwen3": Family("Qwen3ForCausalLM", _qwen3, _write_qwen3),
    "gpt2": Family("GPT2LMHeadModel", _gpt2, _write_gpt2),
    "gpt_neox": Family("GPTNeoXForCausalLM", _neox, _write_neox),
}
