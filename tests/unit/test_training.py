"""The training engine: batches, schedules, optimizers, precision, the loop."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.models import ModelConfig, build_model
from pipeline.params import ModelParams, OptimizerParams, TrainingParams
from pipeline.training.batches import Batches, document_starts
from pipeline.training.learner import Learner
from pipeline.training.loop import Plan, Step, Validation, train
from pipeline.training.optimizers import build_optimizers, orthogonalise
from pipeline.training.precision import LONG, choose_machine
from pipeline.training.quick import train_quickly
from pipeline.training.schedules import rate
from pipeline.training.validate import Held, validate


@given(
    length=st.integers(60, 2000),
    context=st.integers(2, 20),
    batch=st.integers(1, 5),
    seed=st.integers(0, 2**31),
    step=st.integers(0, 500),
)
@settings(max_examples=60, deadline=None)
def test_a_batch_follows_from_seed_and_step_and_targets_are_inputs_one_later(
    length: int, context: int, batch: int, seed: int, step: int
) -> None:
    tokens = np.arange(length, dtype=np.uint16)
    if (length - 1) // context - 1 < batch:
        return
    inputs, targets = Batches(tokens, context, batch, seed)(step)
    again, _ = Batches(tokens, context, batch, seed)(step)
    assert torch.equal(inputs, again)
    assert inputs.shape == (batch, context)
    assert torch.equal(inputs + 1, targets)


@given(st.integers(300, 3000), st.integers(4, 16), st.integers(1, 7))
@settings(max_examples=30, deadline=None)
def test_an_epoch_visits_no_window_twice_and_epochs_differ_in_order(
    length: int, context: int, batch: int
) -> None:
    batches = Batches(np.arange(length, dtype=np.uint16), context, batch, 1)

    def starts(epoch: int) -> list[int]:
        first = epoch * batches.steps_per_epoch
        steps = range(first, first + batches.steps_per_epoch)
        return [int(start) for step in steps for start in batches(step)[0][:, 0]]

    one, two = starts(0), starts(1)
    assert max(Counter(one).values()) == 1
    assert len(one) == batches.steps_per_epoch * batch
    if len(one) > 20:
        assert one != two


@given(
    lengths=st.lists(st.integers(1, 60), min_size=5, max_size=60),
    context=st.integers(2, 40), seed=st.integers(0, 99),
)  # fmt: skip
@settings(deadline=None)
def test_windows_but_the_last_begin_with_a_document_where_it_has_just_begun(
    lengths: list[int], context: int, seed: int
) -> None:
    tokens = np.concatenate([np.arange(length) % 7 + (np.arange(length) > 0) for length in lengths])
    token_bytes = np.array([0, *[1] * 7])
    modern = ModelConfig.from_params(ModelParams(), 8)
    starts = document_starts(OptimizerParams(windows="documents"), modern, tokens, token_bytes)
    assert starts is not None
    assert starts.tolist() == [0, *np.cumsum(lengths)[:-1].tolist()]
    assume(len(tokens) > 2 * context + 2)
    numbered = np.arange(len(tokens))  # a token tells its place
    packed = Batches(numbered, context, 1, seed)
    begun = Batches(numbered, context, 1, seed, documents=starts)
    pairs = [
        tuple(int(one(step)[0][0, 0]) for one in (packed, begun))
        for step in range(packed.steps_per_epoch)
    ]
    last = max(before for before, _ in pairs)
    for before, now in pairs:
        own = int(starts[starts <= before].max())
        assert now == (own if before - own < context // 4 and before < last else before)


@pytest.mark.parametrize("family, windows", [("modern", "packed"), ("ngram", "documents")])
def test_packed_windows_and_models_that_count_need_no_documents(family: str, windows: str) -> None:
    config = ModelConfig.from_params(ModelParams(family=family), 8)
    params = OptimizerParams(windows=windows)
    assert document_starts(params, config, np.zeros(9, np.int64), np.zeros(1)) is None


def test_too_little_text_for_context_or_batch_is_one_line() -> None:
    with pytest.raises(UserError, match=r"model\.context: 256"):
        Batches(np.zeros(200, np.uint16), 256, 1, 0)
    with pytest.raises(UserError, match=r"training\.batch: 64"):
        Batches(np.zeros(2000, np.uint16), 128, 64, 0)


@given(
    st.integers(1, 5000), st.floats(0, 0.99), st.floats(0, 1),
    st.sampled_from(["stable", "cosine", "linear"]),
)  # fmt: skip
@settings(deadline=None)
def test_a_rate_is_never_above_its_peak_nor_zero(
    steps: int, warmup: float, decay: float, schedule: str
) -> None:
    params = OptimizerParams(warmup=warmup, decay=decay, schedule=schedule)
    rates = [rate(step, steps, params) for step in range(0, steps, max(1, steps // 50))]
    assert all(0 < value <= 1 for value in rates)


def test_a_stable_schedule_rises_holds_and_falls() -> None:
    params = OptimizerParams(warmup=0.1, decay=0.5)
    rates = [rate(step, 100, params) for step in range(100)]
    assert rates[:10] == sorted(rates[:10]) and rates[0] < 0.2
    assert set(rates[10:50]) == {1.0}
    assert rates[51:] == sorted(rates[51:], reverse=True) and rates[-1] < 0.05


@pytest.mark.parametrize("shape", [(3, 16, 16), (2, 32, 8), (2, 8, 40)])
def test_orthogonalised_matrices_have_singular_values_near_one(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    matrices = torch.randn(shape)
    before = torch.linalg.svdvals(matrices / matrices.norm(dim=(1, 2), keepdim=True))
    values = torch.linalg.svdvals(orthogonalise(matrices))
    tiny = before < 0.01  # four rounds bring up only what is not next to nothing
    assert (~tiny).sum() > 0.9 * tiny.numel()
    assert values[~tiny].min() > 0.5 and values.max() < 1.4


@pytest.mark.parametrize("family", ["bigram", "lstm", "gpt2", "modern"])
@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_every_parameter_has_exactly_one_optimizer(family: str, optimizer: str) -> None:
    params = ModelParams(family=family, width=32, layers=2, context=16)
    model = build_model(ModelConfig.from_params(params, 300))
    held = Counter(
        id(parameter)
        for one in build_optimizers(model, OptimizerParams(optimizer=optimizer))
        for group in one.param_groups
        for parameter in group["params"]
    )
    assert held == Counter(id(parameter) for parameter in model.parameters())


@pytest.mark.parametrize("family", ["gpt2", "modern"])
def test_muon_moves_every_head_and_every_quarter_of_the_units_as_far(family: str) -> None:
    kv_heads = 2 if family == "modern" else None
    params = ModelParams(family=family, width=32, heads=4, kv_heads=kv_heads, layers=1, context=16)
    torch.manual_seed(0)
    model = build_model(ModelConfig.from_params(params, 300))
    for weight in model.parameters():  # some begin at nothing, and those before them do not learn
        weight.data.normal_(std=0.2)
    settings = OptimizerParams(optimizer="muon", weight_decay=0.0)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    model(torch.randint(0, 300, (8, 16)))[0].logsumexp(-1).sum().backward()
    for one in build_optimizers(model, settings):
        one.step()
    for name, weight in model.named_parameters():
        if not name.startswith("blocks.") or weight.dim() < 2:
            continue
        moved = (before[name] - weight.detach()) / settings.learning_rate
        kind, units = name.split(".")[-2], model.config.feedforward // 4
        size, axis = {
            "query": (8, 0), "key": (8, 0), "value": (8, 0), "output": (8, 1),
            "gate": (units, 0), "up": (units, 0), "down": (units, 1),
        }[kind]  # fmt: skip
        parts = moved.split(size, axis)
        scale = (len(moved) / (len(parts) * min(parts[0].shape))) ** 0.5
        for part in parts:
            values = torch.linalg.svdvals(part) / scale
            assert 0.6 < values.max() < 1.4, (name, values)


@given(
    epochs=st.floats(0.01, 20), tokens=st.none() | st.integers(1, 10**6),
    count=st.integers(1, 10), length=st.integers(500, 20_000),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_a_plan_validates_after_its_last_step_and_respects_its_budget(
    epochs: float, tokens: int | None, count: int, length: int
) -> None:
    batches = Batches(np.zeros(length, np.uint16), 16, 4, 0)
    plan = Plan.make(batches, epochs, tokens, count)
    assert plan.steps >= 1 and plan.steps in plan.validate_after
    assert all(0 < step <= plan.steps for step in plan.validate_after)
    if tokens is not None:
        assert plan.steps == 1 or plan.steps * plan.tokens_per_step <= tokens


def run(family: str, tokens: np.ndarray, steps: int, **changes: object) -> list[Step | Validation]:
    params = ModelParams(family=family, layers=1, width=32, heads=2, context=32)
    optimizer = OptimizerParams(batch=8, **changes)
    torch.manual_seed(0)
    model = build_model(ModelConfig.from_params(params, 320))
    batches = Batches(tokens, 32, 8, 0)
    plan = Plan(steps, batches.steps_per_epoch, frozenset({steps}), 256)
    held = Held(tokens[:2000], np.ones(320))
    machine = choose_machine(TrainingParams(compile="off"))
    return list(train(Learner(model, optimizer, machine), batches, held, plan, optimizer, machine))


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("bigram", {"optimizer": "adamw", "learning_rate": 0.1}),
        ("lstm", {"optimizer": "adamw", "learning_rate": 0.02}),
        ("gpt2", {"optimizer": "adamw", "learning_rate": 0.005}),
        ("modern", {"optimizer": "muon"}),
    ],
)
def test_every_family_learns(family: str, changes: dict, tokens: np.ndarray) -> None:
    events = run(family, tokens, 60, **changes)
    losses = [event.loss for event in events if isinstance(event, Step)]
    assert losses[0] == pytest.approx(math.log(320), rel=0.15)
    assert losses[-1] < 0.75 * losses[0]
    assert isinstance(events[-1], Validation) and events[-1].validation_loss < 0.75 * losses[0]


def test_a_diverging_run_stops_with_its_step(tokens: np.ndarray) -> None:
    with pytest.raises(UserError, match=r"diverged.*step \d+ of 400"):
        huge = OptimizerParams(batch=8, optimizer="adamw")
        params = ModelParams(family="gpt2", layers=1, width=32, heads=2, context=32)
        torch.manual_seed(0)
        model = build_model(ModelConfig.from_params(params, 320))
        with torch.no_grad():
            model.norm.weight.fill_(1e38)  # the logits leave what float32 can hold
        batches = Batches(tokens, 32, 8, 0)
        plan = Plan(400, batches.steps_per_epoch, frozenset({400}), 256)
        held = Held(tokens[:2000], np.ones(320))
        machine = choose_machine(TrainingParams(compile="off"))
        list(train(Learner(model, huge, machine), batches, held, plan, huge, machine))


def test_bits_per_byte_of_a_uniform_model_are_the_bits_of_its_tokens_over_their_bytes() -> None:
    params = ModelParams(family="bigram", context=8)
    model = build_model(ModelConfig.from_params(params, 256))  # zero logits: 8 bits a token
    lengths = np.full(256, 2)
    lengths[0] = 0
    tokens = np.tile(np.array([0, 5, 6, 7], np.uint16), 20)
    machine = choose_machine(TrainingParams())
    loss, bits = validate(model, Held(tokens, lengths), 8, machine)
    assert loss == pytest.approx(math.log(256))
    assert bits == pytest.approx(4.0)


def test_two_quick_runs_give_the_same_number_and_another_seed_another(tokens: np.ndarray) -> None:
    def bits(seed: int) -> float:
        shape = ModelParams(layers=1, width=32, heads=2, context=32)
        args = (tokens, tokens[:1000], 320, np.ones(320), 4096, seed, "test")
        return train_quickly(shape, OptimizerParams(batch=4), *args).bits_per_byte

    assert bits(0) == bits(0)
    assert bits(0) != bits(1)


def test_asking_for_a_gpu_that_is_not_there_is_one_line() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(UserError, match=r"training\.device is cuda"):
        choose_machine(TrainingParams(device="cuda"))


@pytest.mark.parametrize(
    "operations, precision, compiler, compiled",
    [
        (LONG, "bfloat16", True, True),
        (LONG / 2, "bfloat16", True, False),
        (LONG, "float32", True, False),
        (LONG, "bfloat16", False, False),
    ],
)
def test_only_a_long_bfloat16_run_is_compiled_on_a_cpu_and_one_that_cannot_be_says_why(
    operations: float,
    precision: str,
    compiler: bool,
    compiled: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.training.precision.has_compiler", lambda: compiler)
    monkeypatch.setattr(torch, "use_deterministic_algorithms", lambda flag: None)
    params = TrainingParams(device="cpu", precision=precision)
    machine = choose_machine(params, operations)
    assert machine.compile == compiled
    assert ("no C++ compiler" in machine.why) == (not compiler)
