"""Importing takes the memory of one model, and L1 over a vocabulary of 151,936 pieces that of a slice of its logits."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.slow,  # processes of their own, up to 1.5 GB
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux says how much memory a process had"),
]

ROWS = 151_936  # Qwen's
MB = 1 << 20

# What a process of its own has at most while it does something, above what it has before.
MEASURED = """
import json, re
import torch
from foretext.batch import pack
from foretext.checkpoints.decoder_folder import read_decoder
from foretext.model.gpt import GPT
from foretext.model.sequences import Sequences
from foretext.model.settings import ModelSettings
from foretext.training.objectives import Counts, language_model_loss

def most():  # not by getrusage, in which what the parent had at its most counts too
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])

torch.set_num_threads(1)
{prepare}
before = most()
{work}
print(json.dumps(most() - before))
"""


def growth(work: str, prepare: str = "") -> int:
    code = MEASURED.format(prepare=prepare, work=work)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: Any = json.loads(done.stdout)
    return int(found)


@pytest.fixture(scope="module")
def sharded(decoder):
    """A folder of several shards, and what its weights take in fp32."""
    sizes = {"hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 16}
    model, folder = decoder("llama", save={"max_shard_size": "12MB"}, **sizes)
    assert len(list(folder.glob("model-*.safetensors"))) > 4
    return folder, 4 * sum(weight.numel() for weight in model.parameters())


def test_a_sharded_model_is_read_in_the_memory_of_one(sharded, decoder):
    """Where one more copy is held beside it, as by reading a shard whole, the same measure says so.

    A small model is read before, so that what the libraries take once is not measured.
    """
    folder, size = sharded
    assert size > 50 * MB
    small = f"from pathlib import Path\nread_decoder(Path({str(decoder('llama')[1])!r}))"
    read = f"saved = read_decoder(Path({str(folder)!r}))"
    hold = (
        "from safetensors.torch import load_file\n"
        "held = [{name: one.clone() for name, one in load_file(file).items()} "
        f"for file in sorted(Path({str(folder)!r}).glob('*.safetensors'))]\n"
    )
    assert 0.9 * size < growth(read, small) < 1.35 * size
    assert growth(hold + read, small) > 1.8 * size


LOSS = """
gpt = GPT(ModelSettings(vocabulary={rows}, layers=1, width=8, heads=2, context=1024, positions="rotary"), seed=0)
tokens = torch.randint({rows}, (1024,), generator=torch.Generator().manual_seed(1)).tolist()
sequences = Sequences.of(pack([[tokens]]))
"""


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_an_update_at_a_vocabulary_of_151_936_keeps_no_logits_of_all_tokens(precision):
    """1,024 tokens have 594 MB of them in fp32; a slice of 256 has 148, once more where they are rounded to halves."""
    step = (
        f"with torch.autocast('cpu', torch.bfloat16, enabled={precision == 'bf16'}):\n"
        f"    loss = language_model_loss(gpt(sequences), sequences, Counts(1, 1), rows={ROWS})\n"
        "loss.backward()"
    )
    assert growth(step, LOSS.format(rows=ROWS)) < 400 * MB
    whole = "hidden = gpt(sequences); torch.log_softmax(hidden.states @ hidden.matrix.T, -1).mean().backward()"
    assert growth(whole, LOSS.format(rows=ROWS)) > 1_100 * MB
