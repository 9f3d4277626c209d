"""Models from and to the Hugging Face Hub: nothing else of Foretext uses the network."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

from foretext.checkpoints.decoder_folder import model_type
from foretext.checkpoints.families import FAMILIES
from foretext.checkpoints.installed_models import OPENAI_GPT, installed_models
from foretext.checkpoints.model_card import model_card
from foretext.checkpoints.own_files import refuse_foreign_pages, write_page
from foretext.checkpoints.saved_model import FILES, SavedModel, load_model, save_model
from foretext.checkpoints.transformers_folder import CONFIG, MODEL_TYPE, read_transformers
from foretext.checkpoints.transformers_weights import PICKLED, SAFETENSORS
from foretext.checkpoints.weights_source import INDEX, shards
from foretext.errors import ForetextError, ModelError, Unreachable
from foretext.files import atomic_folder
from foretext.paths import path_at_home

OPENAI_GPT_REPOSITORY = "openai-community/openai-gpt"

Need = tuple[tuple[str, ...], ...]  # sets of files, of which the first that is there will do
OF_FORETEXT: tuple[Need, ...] = tuple(((file,),) for file in FILES)
OF_TRANSFORMERS: tuple[Need, ...] = (
    ((CONFIG,),),
    ((SAFETENSORS,), (PICKLED,)),
    (("vocab.json", "merges.txt"), ("tokenizer.json",)),
)
OF_DECODERS: tuple[Need, ...] = (((SAFETENSORS,), (INDEX,)), (("tokenizer.json",),))
BESIDE = ("README.md", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json")

log = logging.getLogger(__name__)


def save_pretrained(saved: SavedModel, folder: str | Path, *, name: str = "") -> None:
    """Writes a model folder with a README about the model; `name` is what its examples load it by.

    A README.md that is somebody's own stays; the page of the model then stands beside it, which is said.

    Raises:
        SettingsError: a file of another program would be replaced.
        DiskFull: there is no space left.
    """
    path = path_at_home(folder)
    refuse_foreign_pages(path)
    save_model(path, saved)
    write_page(path, model_card(saved, name=name or str(folder)))


def from_pretrained(name_or_folder: str | Path, *, revision: str | None = None) -> SavedModel:
    """The model in a folder, of an installed name, or else of that name on the Hub.

    Raises:
        ModelError: there is no such model, or it is damaged.
        Unreachable: the Hub cannot be reached, and the model was not fetched before.
    """
    folder = path_at_home(name_or_folder)
    if folder.is_dir():
        return load_model(folder)
    name = str(name_or_folder)
    return load_model(installed_models().get(name) or fetch(name, OF_FORETEXT, revision=revision))


def push_to_hub(saved: SavedModel, name: str, *, private: bool = False, token: str | None = None) -> str:
    """Uploads a model folder with its README as the Hub's `name` ("owner/model"); returns the address.

    Without `token` it is the one that `hf auth login` left.

    Raises:
        ForetextError: the Hub refuses, such as for want of a token.
        Unreachable: the Hub cannot be reached.
    """
    from huggingface_hub import HfApi

    interface = HfApi(token=token, library_name="foretext")
    with tempfile.TemporaryDirectory() as place, _hub_errors(name):
        save_pretrained(saved, place, name=name)
        address = interface.create_repo(name, private=private, exist_ok=True)
        interface.upload_folder(repo_id=name, folder_path=place, commit_message="A model made with Foretext")
    return str(address)


def import_openai_gpt(folder: Path) -> Path:
    """The folder of the weights released with the paper, fetched from the Hub and imported; says so.

    Raises:
        Unreachable: the Hub cannot be reached; the message says how to do without.
    """
    log.info("%s is not here yet: fetching %s from the Hugging Face Hub", OPENAI_GPT, OPENAI_GPT_REPOSITORY)
    saved = read_transformers(fetch(OPENAI_GPT_REPOSITORY), name=OPENAI_GPT_REPOSITORY)
    with atomic_folder(folder) as made:
        save_model(made, saved)
    assert saved.history.imported is not None, "what is imported has a record of it"
    log.info("imported into %s: %s", folder, saved.history.imported.drawn)
    return folder


def fetch_transformers(name: str) -> Path:
    """A folder with what can be read of the Hub's `name`, a model of `transformers`; its kind is looked at first.

    Of a kind that cannot be read there is config.json alone: whoever reads it says so, and no weights were fetched.

    Raises:
        ModelError, Unreachable: as in `fetch`.
    """
    folder = fetch(name, (((CONFIG,),),))
    kind, commit = model_type(folder), folder.name
    if kind == MODEL_TYPE:
        return fetch(name, revision=commit)
    if kind in FAMILIES:
        folder = fetch(name, OF_DECODERS, revision=commit)
        fetch(name, tuple(((file,),) for file in shards(folder)), revision=commit)
        _fetch_beside(name, commit)
    return folder


def _fetch_beside(name: str, commit: str) -> None:
    """Fetches the smaller files that not every model has."""
    for file in BESIDE:
        with suppress(ModelError):
            fetch(name, (((file,),),), revision=commit)


def fetch(name: str, needs: Sequence[Need] = OF_TRANSFORMERS, *, revision: str | None = None) -> Path:
    """A folder with the files of the Hub's `name`, all of one commit, kept in the Hub's own cache.

    Raises:
        ModelError: there is no such model on the Hub, or it lacks a file.
        Unreachable: the Hub cannot be reached, and the files were not fetched before.
    """
    folder = Path()
    for need in needs:
        folder = _first_there(name, need, revision)
        revision = folder.name  # the commit: later files come from the same
    return folder


def _first_there(name: str, need: Need, revision: str | None) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    for files in need:
        try:
            with _hub_errors(name):
                paths = [hf_hub_download(name, file, revision=revision, library_name="foretext") for file in files]
        except LocalEntryNotFoundError:
            raise
        except EntryNotFoundError:
            continue
        return Path(paths[0]).parent
    wanted = " nor ".join(" and ".join(files) for files in need)
    raise ModelError(f"{name} on the Hugging Face Hub has {'no' if len(need) == 1 else 'neither'} {wanted}")


@contextmanager
def _hub_errors(name: str) -> Iterator[None]:
    """Turns what huggingface_hub raises, and warns of while it tries again, into one line; a file that is not there
    stays its `EntryNotFoundError`.

    Raises:
        ModelError: `name` is no name of a model, or none on the Hub.
        Unreachable: the network is not there or the Hub does not answer.
    """
    from huggingface_hub import errors
    from huggingface_hub.utils import logging as hub_logging

    verbosity = hub_logging.get_verbosity()
    hub_logging.set_verbosity(logging.ERROR)
    root = cast("type[Exception]", errors.HfHubHTTPError.__base__)  # of the HTTP library: httpx, or what took its place
    try:
        yield
    except (errors.HFValidationError, errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        raise ModelError(f"{name!r} is no folder here and no model on the Hugging Face Hub: {_first(error)}") from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise _unreachable(name) from error
    except errors.EntryNotFoundError:
        raise
    except errors.HfHubHTTPError as error:
        raise ForetextError(f"the Hugging Face Hub refuses {name}: {_first(error)}") from error
    except root as error:
        raise _unreachable(name) from error
    finally:
        hub_logging.set_verbosity(verbosity)


def _unreachable(name: str) -> Unreachable:
    return Unreachable(
        f"cannot reach the Hugging Face Hub for {name}; fetch it where there is a network and give its folder to "
        "`foretext import hf FOLDER`"
    )


def _first(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
