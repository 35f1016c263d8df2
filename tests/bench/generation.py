"""Generation: with what a model remembers against without, and against `transformers`."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from pipeline.models import LanguageModel
from tests.bench.compare import compare, heading

LENGTH, VOCABULARY = 256, 4096
SHAPES = ((4, 128), (6, 256))


def generation() -> None:
    """Greedy text of 255 tokens after one, so that the last is chosen at length 256; one thread,
    tokens for each second of the processor."""
    from pipeline.models import ModelConfig, build_model
    from pipeline.params import ModelParams

    def against(name: str, mine: Callable[[], int], theirs: Callable[[], int]) -> None:
        compare(name, mine, theirs, "tokens/s", time.process_time)

    heading()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for layers, width in SHAPES:
        shape = ModelParams(layers=layers, width=width, heads=width // 64, context=LENGTH)
        torch.manual_seed(0)
        model = build_model(ModelConfig.from_params(shape, VOCABULARY)).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.02)
        name = f"generation, {layers} layers of {width}"
        against(f"{name}: against no cache", ours(model, LENGTH), again(model))
        theirs = transformers_generate(model)
        against(f"{name}: against transformers", ours(model, LENGTH), theirs)
        tokens = torch.randint(1, VOCABULARY, (1, LENGTH))
        one = f"{name}: one token at length 256"
        against(one, one_cached(model, tokens), one_again(model, tokens))
    torch.set_num_threads(threads)


def ours(model: LanguageModel, length: int) -> Callable[[], int]:
    from pipeline.generation.sampling import sample_tokens

    return lambda: len(list(sample_tokens(model, [1], tokens=length - 1, temperature=0)))


def again(model: LanguageModel) -> Callable[[], int]:
    """The same text, everything read again for each token."""

    @torch.inference_mode()
    def run() -> int:
        ids = [1]
        for _ in range(LENGTH - 1):
            ids.append(int(model(torch.tensor([ids]))[0][0, -1].argmax()))
        return len(ids) - 1

    return run


def one_cached(model: LanguageModel, tokens: torch.Tensor) -> Callable[[], int]:
    """The last of `tokens` again and again, each time after what a state remembers of the others.

    The state is set back by hand, so that every round does the same work.
    """
    with torch.inference_mode():
        state = model(tokens[:, :-1])[1]
        state = model(tokens[:, -1:], state)[1]

    @torch.inference_mode()
    def run() -> int:
        for _ in range(20):
            for cache in state.caches:
                cache.seen = LENGTH - 1
            model(tokens[:, -1:], state._replace(places=LENGTH - 1))
        return 20

    return run


def one_again(model: LanguageModel, tokens: torch.Tensor) -> Callable[[], int]:
    @torch.inference_mode()
    def run() -> int:
        for _ in range(4):
            model(tokens)
        return 4

    return run


def transformers_generate(model: LanguageModel) -> Callable[[], int]:
    """`generate` of the exported model, with its own cache; both write the same text."""
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM

    from pipeline.files import write_json
    from pipeline.generation.sampling import sample_tokens
    from pipeline.models.storage import weights
    from pipeline.publishing.convert import to_transformers

    with tempfile.TemporaryDirectory() as folder:
        config, converted = to_transformers(model.config, weights(model), 0)
        save_file(converted, Path(folder) / "model.safetensors", metadata={"format": "pt"})
        write_json(Path(folder) / "config.json", config)
        loaded = AutoModelForCausalLM.from_pretrained(folder).eval()
    loaded.generation_config.eos_token_id = None
    start = torch.tensor([[1]])

    def run() -> int:
        out = loaded.generate(
            start,
            attention_mask=torch.ones_like(start),
            do_sample=False,
            max_new_tokens=LENGTH - 1,
            pad_token_id=0,
        )
        written.append(out[0, 1:].tolist())
        return out.shape[1] - 1

    written: list[list[int]] = []
    run()
    mine = list(sample_tokens(model, [1], tokens=LENGTH - 1, temperature=0))
    same = next(
        (i for i, pair in enumerate(zip(mine, written[0], strict=True)) if pair[0] != pair[1]), None
    )
    assert same is None or same > 32, f"the texts part after {same} tokens"
    return run
