"""`tugantel serve` and `chat` as processes: they start, they end when told to, in words."""

import signal
import subprocess
from pathlib import Path

import pytest
from openai import APIError, OpenAI
from tokenizers import Tokenizer

from pipeline.models import save_model
from tests.project import command, environment, one_line_of_trouble
from tests.unit.voices import make_voice

pytestmark = pytest.mark.faults


@pytest.fixture
def folder(tmp_path: Path, tokenizer: Tokenizer, tokenizer_folder: Path) -> Path:
    save_model(tmp_path, make_voice(tokenizer).model, tokenizer_folder / "tokenizer.json")
    return tmp_path


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_service_ends_cleanly_while_it_writes(folder: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        command("pipeline.cli", "serve", "--model", str(folder), "--port", "0"),
        cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert "context 64 tokens" in process.stdout.readline()
    address = process.stdout.readline().split()[2]
    with OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client:
        stream = client.completions.create(
            model=str(folder), prompt="", max_tokens=4096, stream=True
        )
        with pytest.raises(APIError, match="stopping"):
            for count, _ in enumerate(stream):
                if count == 3:
                    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and out == "stopping\n" and err == ""


def test_a_host_that_is_nowhere_and_a_folder_without_a_model_are_one_line(folder: Path) -> None:
    for words, said in (
        (["--model", str(folder), "--host", "no.such.name.invalid"], "cannot listen on"),
        (["--model", str(folder), "--host", "203.0.113.7"], "cannot listen on"),
        (["--model", "nowhere"], "no trained model in nowhere"),
        (["--model", str(folder), "--model", str(folder)], "given twice"),
    ):
        result = subprocess.run(
            command("pipeline.cli", "serve", "--port", "0", *words),
            cwd=folder, env=environment(), capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert said in one_line_of_trouble(result)
