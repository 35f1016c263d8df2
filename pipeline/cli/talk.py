"""Commands that let a model write."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.cli.app import MODEL, ModelFolder, app, one_line
from pipeline.errors import UserError

ModelFolders = Annotated[
    list[Path] | None,
    typer.Option("--model", help="Folder of a trained model; several are compared."),
]
Temperature = Annotated[float | None, typer.Option(min=0, help="0 takes the likeliest token.")]
TopK = Annotated[int | None, typer.Option(min=1, help="Choose among the k likeliest tokens.")]
TopP = Annotated[float | None, typer.Option(min=0.01, max=1, help="Nucleus sampling.")]
MinP = Annotated[
    float | None, typer.Option(min=0.0001, max=1, help="Least share of the likeliest.")
]
Penalty = Annotated[float | None, typer.Option(min=1, max=10, help="Above 1: repeat less.")]
Stop = Annotated[list[str] | None, typer.Option(help="Text before which to end; may be repeated.")]
Tokens = Annotated[int | None, typer.Option(min=1, help="The most tokens to write.")]
Seed = Annotated[int | None, typer.Option(min=0, help="The same seed writes the same text.")]


@app.command()
@one_line
def generate(
    prompt: Annotated[str, typer.Argument(help="How the text begins.")] = "",
    model: ModelFolder = MODEL,
    tokens: Tokens = None,
    temperature: Temperature = None,
    top_k: TopK = None,
    top_p: TopP = None,
    min_p: MinP = None,
    repetition_penalty: Penalty = None,
    stop: Stop = None,
    seed: Seed = None,
) -> None:
    """Continue a text, streaming."""
    from pipeline.generation import stream
    from pipeline.models import load_model

    settings = _sampling(
        tokens=tokens,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        repetition_penalty=repetition_penalty,
        stop=stop,
        seed=seed,
    )
    loaded, tokenizer = load_model(model)
    print(prompt, end="", flush=True)
    for piece in stream(loaded, tokenizer, prompt, **settings):
        print(piece, end="", flush=True)
    print()


@app.command()
@one_line
def chat(
    model: ModelFolders = None,
    tokens: Tokens = None,
    temperature: Temperature = None,
    top_k: TopK = None,
    top_p: TopP = None,
    min_p: MinP = None,
    repetition_penalty: Penalty = None,
    stop: Stop = None,
    seed: Seed = None,
) -> None:
    """Talk with a model or several, turn by turn; /help shows the commands."""
    from pipeline.serving.chat import converse
    from pipeline.serving.voices import load_voices

    settings = _sampling(
        tokens=tokens,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        repetition_penalty=repetition_penalty,
        stop=stop,
        seed=seed,
    )
    converse(load_voices(model or [MODEL]), settings)


@app.command()
@one_line
def serve(
    model: ModelFolders = None,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
) -> None:
    """Serve models over HTTP: OpenAI's completions, and a page to talk with them."""
    from pipeline.serving.service import serve as listen
    from pipeline.serving.voices import load_voices

    listen(load_voices(model or [MODEL]), host, port)


def _sampling(**given: Any) -> dict[str, Any]:
    """What the command line says, over what params.yaml says where there is one."""
    from pydantic import ValidationError

    from pipeline.params import PARAMS, GenerationParams, load_params

    params = load_params().generation if PARAMS.is_file() else GenerationParams()
    said = {name: value for name, value in given.items() if value is not None}
    try:
        return GenerationParams(**(params.model_dump() | said)).model_dump()
    except ValidationError as error:
        first = error.errors()[0]
        option = str(first["loc"][0]).replace("_", "-")
        raise UserError(f"--{option} {first['input']!r}: {first['msg']}") from None
