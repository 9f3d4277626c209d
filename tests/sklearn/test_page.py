"""docs/sklearn.md: its Python runs as it stands, and prints what it shows up to a machine's digits."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "sklearn.md"
RUN = "import sys; from pathlib import Path; from python_page import run; print(run(Path(sys.argv[1]).read_text()))"


@pytest.mark.slow
def test_the_page_runs_as_it_stands(tmp_path: Path):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    program = f"import sys; sys.path.append({str(ROOT / 'scripts')!r}); " + RUN
    call = [sys.executable, "-c", program, str(PAGE)]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (score, scene, probabilities), (mean, best) = printed(done.stdout)
    assert float(score) > 0.7  # of 24 scenes, of which a third is chance
    assert scene == "['sea']"
    assert probabilities.startswith("['farm', 'law', 'sea'] [")
    assert float(mean) > 0.6
    assert set(re.findall(r"'(\w+)'", best)) >= {"foretextfeaturizer__pool", "logisticregression__C"}
    assert [len(block) for block in printed(PAGE.read_text(encoding="utf-8"))] == [3, 2]


def printed(page: str) -> list[list[str]]:
    """The lines of each block of what was printed."""
    return [block.splitlines() for block in re.findall(r"```text\n(.*?)```", page, re.DOTALL)]
