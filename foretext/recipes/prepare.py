"""Raw text becomes a corpus of token ids, ready to learn from."""

from __future__ import annotations

from foretext import corpus
from foretext.checkpoints.find import find_description
from foretext.corpus import Corpus
from foretext.corpus.copying import copy_corpus, store_at
from foretext.corpus.preparer import plan_of
from foretext.corpus.shared.job import Executor
from foretext.corpus.shared.preparing import Sharing, prepare_shared
from foretext.corpus.shared.slurm import Submitted
from foretext.recipes.settings.prepare import PrepareSettings
from foretext.tokenizer import Tokenizer


def prepare(settings: PrepareSettings) -> Corpus | Submitted:
    """The corpus that `settings.out` now holds; with Slurm, the jobs that will make it.

    Raises:
        SettingsError: what an executor or a filter needs is not installed.
        DataError: an input is missing or wrong, or has no text, or `out` holds something else.
        UnknownName: there is no folder or installed model `settings.tokenizer`.
        ModelError: there is no tokenizer in it, or it is damaged.
        DiskFull: there is no space left; what is finished is kept.
        SettingsError, Unreachable: the object store to copy it to is none, or cannot be reached.
    """
    return prepare_with(Tokenizer.load(find_description(settings.tokenizer)), settings)


def prepare_with(tokenizer: Tokenizer, settings: PrepareSettings) -> Corpus | Submitted:
    """The same with a tokenizer in memory."""
    store = store_at(settings.copy_to) if settings.copy_to else None
    made = _made(tokenizer, settings) if settings.executor is None else _shared(tokenizer, settings, settings.executor)
    return made if store is None or isinstance(made, Submitted) else copy_corpus(made, store)


def _made(tokenizer: Tokenizer, settings: PrepareSettings) -> Corpus:
    return corpus.prepare(
        settings.inputs,
        settings.out,
        tokenizer=tokenizer,
        field=settings.field,
        validation=settings.validation,
        strict=settings.strict,
        workers=settings.workers,
        shard_tokens=settings.shard_tokens,
        separator=settings.separator,
        line_breaks=settings.line_breaks,
        dedup=settings.dedup,
        clean=settings.clean,
        allow_unknown=settings.allow_unknown,
    )


def _shared(tokenizer: Tokenizer, settings: PrepareSettings, executor: Executor) -> Corpus | Submitted:
    plan = plan_of(
        tokenizer,
        field=settings.field,
        validation=settings.validation,
        strict=settings.strict,
        shard_tokens=settings.shard_tokens,
        separator=settings.separator,
        line_breaks=settings.line_breaks,
        filters=settings.filters,
        minhash=settings.minhash,
    )
    return prepare_shared(
        settings.inputs,
        settings.out,
        tokenizer=tokenizer,
        plan=plan,
        sharing=Sharing(executor, settings.tasks, settings.workers, settings.sbatch, settings.dry_run),
        allow_unknown=settings.allow_unknown,
    )
