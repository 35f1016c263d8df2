"""Talking with a trained model: how soon the first token comes, how many follow, 32 at once."""

import http.client
import json
import statistics
import subprocess
import threading
import time
from pathlib import Path

from tests.project import ROOT, command, environment

CLIENTS, TOKENS, ROUNDS = 32, 80, 5
TURNS = ("Сәлам!", "Бүген һава матур, балалар урамда уйный.")


def serving(model: Path = ROOT / "data/model") -> None:
    """Chat in this process, then the service in another one, asked by threads of this one."""
    if not (model / "config.json").is_file():
        print(f"serving: no trained model in {model}: run `make repro` first")
        return
    chat(model)
    process = subprocess.Popen(
        command("pipeline.cli", "serve", "--model", str(model), "--port", "0"),
        env=environment(), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        print("service:", process.stdout.readline().strip())
        port = int(process.stdout.readline().split()[2].rpartition(":")[2])
        ask(port, str(model), 0)  # warm up
        alone = [ask(port, str(model), seed) for seed in range(ROUNDS)]
        first = statistics.median(seconds for seconds, _, _ in alone)
        speed = statistics.median(tokens / whole for _, whole, tokens in alone)
        print(f"one client: first token after {first:.3f} s, {speed:,.0f} tokens/s streamed")
        for _ in range(ROUNDS):
            together(port, str(model))
    finally:
        process.terminate()
        process.wait()


def chat(model: Path) -> None:
    """From a loaded model to the first piece of its first and second answer."""
    from pipeline.params import GenerationParams
    from pipeline.serving.dialogue import Dialogue
    from pipeline.serving.voices import load_voices

    settings = GenerationParams(tokens=TOKENS).model_dump()
    (voice,) = load_voices([model])
    talk = Dialogue(voice)
    for turn in TURNS:
        started = time.perf_counter()
        talk.say(turn, TOKENS)
        pieces = talk.answer(settings)
        next(pieces)
        print(f"chat: first piece of an answer after {time.perf_counter() - started:.3f} s")
        "".join(pieces)


def ask(port: int, model: str, seed: int) -> tuple[float, float, int]:
    """Stream one completion: seconds to its first piece, seconds in all, tokens.

    At temperature 2 few texts end before `TOKENS`.
    """
    body = json.dumps(
        {
            "model": model, "prompt": "Бүген", "max_tokens": TOKENS, "seed": seed,
            "temperature": 2, "stream": True, "stream_options": {"include_usage": True},
        }
    )  # fmt: skip
    started = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request(
        "POST", "/v1/completions", body=body, headers={"Content-Type": "application/json"}
    )
    answer = connection.getresponse()
    first, tokens = 0.0, 0
    while line := answer.readline():
        first = first or time.perf_counter() - started
        if line.startswith(b"data: {"):
            tokens = (json.loads(line[6:])["usage"] or {}).get("completion_tokens", 0)
    connection.close()
    assert answer.status == 200 and tokens, "no answer"
    return first, time.perf_counter() - started, tokens


def together(port: int, model: str) -> None:
    """All clients at once."""
    found: list[tuple[float, float, int]] = []
    threads = [
        threading.Thread(target=lambda seed=seed: found.append(ask(port, model, seed)))
        for seed in range(CLIENTS)
    ]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    tokens = sum(count for _, _, count in found)
    print(
        f"{CLIENTS} clients: {len(found)} answered in {seconds:.2f} s, {tokens / seconds:,.0f} "
        f"tokens/s, the last first token after {max(first for first, _, _ in found):.2f} s"
    )
