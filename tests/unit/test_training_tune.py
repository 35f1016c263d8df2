"""The finder: what it times, what it tries, what it chooses, and what it says when it cannot."""

import math
import shutil
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.params import TrainingParams, load_params
from pipeline.presets import change_params
from pipeline.tokenization.tokenizer import fingerprint, load_tokenizer
from pipeline.training import laboratory
from pipeline.training.laboratory import Workbench
from pipeline.training.tune import Outcome, Speed, Trial, changes, tune
from tests.project import ROOT, write_params
from tests.unit.test_cli import call

CONTEXT = 64


class Rigged:
    """A machine and a text made of formulas: no clock, no model."""

    def __init__(
        self,
        best: float = 1.0,
        speed: dict[int, float] | None = None,
        noise: float = 0.0,
        fits: int = 1000,
        diverges: float = 100.0,
    ) -> None:
        self.best, self.speed, self.noise, self.fits = best, speed or {}, noise, fits
        self.diverges = diverges
        self.run_tokens = 50_000_000
        self.trained: list[tuple[int, float, int, int]] = []

    def time(self, batch: int) -> Speed:
        if batch > self.fits:
            return Speed(batch, None, None, f"{batch} windows do not fit")
        return Speed(batch, self.speed.get(batch, 10_000 * batch / (batch + 2)), 10.0 * batch)

    def train(self, batch: int, factor: float, tokens: int, seed: int) -> Trial:
        self.trained.append((batch, factor, tokens, seed))
        if factor > self.diverges:
            return Trial(batch, factor, tokens, seed, math.inf, "diverged at step 3 of 9")
        loss = 2 + 0.1 * math.log2(factor / self.best) ** 2 + 0.001 * batch + self.noise * seed
        return Trial(batch, factor, tokens, seed, loss)


def search(lab: Rigged, minutes: float = 10, **params: object) -> Outcome:
    return tune(lab, TrainingParams(**({"batch": 8} | params)), CONTEXT, minutes)


@pytest.mark.parametrize("best", [0.25, 0.5, 1.0, 2.0, 4.0])
def test_the_best_rate_is_found_and_adams_keeps_its_proportion(best: float) -> None:
    outcome = search(Rigged(best))
    assert outcome.factor == best
    if best != 1:
        assert outcome.changes["learning_rate"] == pytest.approx(0.02 * best)
        assert outcome.changes["adam_learning_rate"] == pytest.approx(0.006 * best)


def test_beyond_the_edge_of_the_grid_it_goes_on_a_little() -> None:
    assert search(Rigged(8.0)).factor == 8.0
    assert search(Rigged(1 / 16)).factor == 1 / 16


def test_adam_alone_has_one_rate() -> None:
    outcome = search(Rigged(0.5), optimizer="adamw", learning_rate=0.004)
    assert outcome.changes.keys() <= {"learning_rate", "batch"}
    assert outcome.changes["learning_rate"] == 0.002


def test_every_trial_of_a_round_has_the_same_tokens_and_seeds_and_each_round_more() -> None:
    lab = Rigged()
    search(lab)
    rounds: dict[int, list[tuple[int, float, int]]] = defaultdict(list)
    for batch, factor, tokens, seed in lab.trained:
        rounds[tokens].append((batch, factor, seed))
    lengths = sorted(rounds)
    assert lengths == [lengths[-1] // 4, lengths[-1] // 2, lengths[-1]]
    assert lengths[-1] & (lengths[-1] - 1) == 0, "a power of two"
    counts = [len({(b, f) for b, f, _ in rounds[length]}) for length in lengths]
    assert counts[0] > counts[1] > counts[2] == 3
    assert {seed for *_, seed in rounds[lengths[0]]} == {0}
    finals = defaultdict(set)
    for batch, factor, seed in rounds[lengths[-1]]:
        finals[batch, factor].add(seed)
    assert all(seeds == {0, 1} for seeds in finals.values())


def test_of_what_lies_within_the_spread_of_the_seeds_the_lowest_rate_is_taken() -> None:
    sharp, dull = search(Rigged(1.9)), search(Rigged(1.9, noise=0.2))
    assert sharp.factor > dull.factor
    assert "the lowest rate is taken" in dull.why[-1]


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_a_little_noise_in_the_timing_changes_neither_trials_nor_choice(noise: float) -> None:
    one, two = Rigged(noise=noise), Rigged(noise=noise)
    two.speed = {batch: 1.02 * one.time(batch).tokens_per_second for batch in (1, 2, 4, 8, 16)}
    first, second = search(one), search(two)
    assert one.trained == two.trained
    assert (first.batch, first.factor) == (second.batch, second.factor)


def test_only_batches_nearly_as_fast_as_the_fastest_go_on_and_the_one_of_the_params() -> None:
    speed = {1: 10.0, 2: 20.0, 4: 40.0, 8: 70.0, 16: 99.0, 32: 100.0, 64: 100.0, 128: 100.0}
    lab = Rigged(speed={batch: 1000 * value for batch, value in speed.items()})
    outcome = search(lab)
    assert {batch for batch, *_ in lab.trained} == {8, 16, 32, 64}
    said = {speed.batch: speed.said for speed in outcome.speeds}
    assert said[4] == "slower" and said[16] == "" and 128 not in said


def test_a_batch_that_does_not_fit_is_said_and_not_tried() -> None:
    lab = Rigged(fits=16)
    outcome = search(lab)
    assert {batch for batch, *_ in lab.trained} <= {8, 16}
    assert outcome.speeds[-1] == Speed(32, None, None, "32 windows do not fit")


def test_trials_that_diverge_are_said_and_never_chosen() -> None:
    outcome = search(Rigged(best=4.0, diverges=1.0))
    assert outcome.factor == 1.0
    assert "diverged at step 3 of 9" in {trial.said for trial in outcome.trials}
    with pytest.raises(UserError, match="every trial diverged"):
        search(Rigged(diverges=0.0))


def test_when_nothing_fits_or_time_and_text_are_too_short_one_line_says_so() -> None:
    with pytest.raises(UserError, match="no batch can be trained: 1 windows do not fit"):
        search(Rigged(fits=0))
    with pytest.raises(UserError, match=r"--minutes 0.001 is too short .* say --minutes [\d.]+"):
        search(Rigged(), minutes=0.001)
    small = Rigged()
    small.run_tokens = 4000
    with pytest.raises(UserError, match=r"the run has 4,000 tokens.*raise training\.epochs"):
        search(small)


def test_when_the_time_is_over_it_chooses_by_the_last_whole_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lab, clock = Rigged(0.5), [0.0]
    monkeypatch.setattr("pipeline.training.tune.time.monotonic", lambda: clock[0])

    def slow(batch: int, factor: float, tokens: int, seed: int) -> Trial:
        clock[0] += 10.0 if len(lab.trained) < 24 else 150.0
        return Rigged.train(lab, batch, factor, tokens, seed)

    monkeypatch.setattr(lab, "train", slow)
    outcome = search(lab)
    assert outcome.factor == 0.5 and "the time was over" in outcome.why[0]
    assert clock[0] <= 600 + 150


def test_a_machine_slower_than_it_seemed_still_gets_a_last_round_with_two_seeds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lab, clock = Rigged(0.5), [0.0]
    monkeypatch.setattr("pipeline.training.tune.time.monotonic", lambda: clock[0])

    def slow(batch: int, factor: float, tokens: int, seed: int) -> Trial:
        clock[0] += tokens / 3000  # the timing said 8,000 and more
        return Rigged.train(lab, batch, factor, tokens, seed)

    monkeypatch.setattr(lab, "train", slow)
    outcome = search(lab)
    assert outcome.factor == 0.5 and "the time was over" not in outcome.why[0]
    assert {seed for *_, seed in lab.trained} == {0, 1} and clock[0] <= 600


@given(
    best=st.sampled_from([0.1, 0.3, 1.0, 3.0, 10.0]),
    noise=st.floats(0, 1),
    fits=st.integers(1, 100),
    batch=st.sampled_from([1, 3, 6, 8, 32]),
    diverges=st.sampled_from([0.6, 3.0, 100.0]),
    minutes=st.sampled_from([2, 20]),
)
@settings(max_examples=60, deadline=None)
def test_what_is_chosen_was_tried_did_not_diverge_and_fits(
    best: float, noise: float, fits: int, batch: int, diverges: float, minutes: float
) -> None:
    lab = Rigged(best, noise=noise, fits=fits, diverges=diverges)
    try:
        outcome = search(lab, minutes, batch=batch)
    except UserError:
        return
    chosen = [t for t in outcome.trials if (t.batch, t.factor) == (outcome.batch, outcome.factor)]
    assert chosen and all(math.isfinite(trial.loss) for trial in chosen)
    assert outcome.batch <= fits and outcome.factor <= diverges


def test_a_batch_in_parts_keeps_the_size_of_its_parts() -> None:
    params = TrainingParams(batch=32, accumulation=8)
    assert changes(params, 64, 1.0) == {"batch": 64, "accumulation": 16}
    assert changes(params, 2, 1.0) == {"batch": 2, "accumulation": 1}


# --- on a project -------------------------------------------------------------------------------


@pytest.fixture
def project(
    tmp_path: Path, tokenizer_folder: Path, tokens: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Tokens and a tokenizer, as the stage `encode` leaves them, and the demo's own params file."""
    shutil.copytree(tokenizer_folder, tmp_path / "data/tokenizer")
    (tmp_path / "data/tokens").mkdir(parents=True)
    (tmp_path / "presets").symlink_to(ROOT / "presets")
    mark = fingerprint(load_tokenizer(tokenizer_folder))
    for name, part in (("train", tokens), ("validation", tokens[:2000])):
        part.tofile(tmp_path / f"data/tokens/{name}.bin")
        record = {"dtype": "uint16", "tokens": len(part), "tokenizer": mark}
        write_json(tmp_path / f"data/tokens/{name}.json", record)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_shows_both_tables_and_changes_params_but_not_their_comments(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real model on real tokens; only the clock's part is rigged, so that it is short."""
    write_params(project, training={"batch": 4, "epochs": 20, "threads": 1, "learning_rate": 0.005})
    plain = Path("params.yaml").read_text()
    text = "# my own words\n" + plain.replace("  warmup:", "  # up\n  warmup:")
    Path("params.yaml").write_text(text)
    timed = {"time": lambda self, batch: Speed(batch, 6_000.0 * batch**0.01, 1.0)}
    monkeypatch.setattr(Workbench, "time", timed["time"])
    monkeypatch.setattr("pipeline.training.tune.FACTORS", (1.0, 2.0))
    monkeypatch.setattr("pipeline.training.tune.SMALLER", 0)
    monkeypatch.setattr("pipeline.training.tune.SAFETY", 0.2)
    monkeypatch.setattr("pipeline.training.tune.TRIAL_STEPS", 4)
    code, out, err = call("tune", "--minutes", "0.3", "--dry-run")
    assert code == 0, err
    assert Path("params.yaml").read_text() == text and "stays as it is" in out
    code, out, err = call("tune", "--minutes", "0.3")
    assert code == 0, err
    assert "tokens/s" in out and "chosen: batch" in out and "seed" in out
    changed = Path("params.yaml").read_text()
    assert changed.startswith("# my own words\n") and "  # up\n  warmup:" in changed
    before, after = load_params_of(text), load_params_of(changed)
    assert after.learning_rate > before.learning_rate
    ratio = after.learning_rate / before.learning_rate
    assert after.adam_learning_rate == pytest.approx(before.adam_learning_rate * ratio, rel=1e-3)
    same = {"batch", "learning_rate", "adam_learning_rate"}
    assert before.model_dump(exclude=same) == after.model_dump(exclude=same)


def load_params_of(text: str) -> TrainingParams:
    Path("other.yaml").write_text(text)
    return load_params("other.yaml").training


def test_a_trial_repeats_exactly_and_a_rate_that_is_absurd_diverges(project: Path) -> None:
    write_params(project, training={"batch": 4, "epochs": 20, "threads": 1, "optimizer": "sgd"})
    bench = Workbench(load_params(), Path("data/tokens"), Path("data/tokenizer"))
    first = bench.train(4, 1.0, 1024, 0)
    assert first == bench.train(4, 1.0, 1024, 0) and 0 < first.loss < 8
    assert bench.train(4, 1.0, 1024, 1).loss != first.loss
    wild = bench.train(4, 1e6, 8192, 0)
    assert wild.loss == math.inf and wild.said.startswith("diverged")


def test_timing_gives_speed_and_memory_and_says_what_does_not_fit(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_params(project, training={"batch": 4, "threads": 1})
    bench = Workbench(load_params(), Path("data/tokens"), Path("data/tokenizer"))
    speed = bench.time(4)
    assert speed.tokens_per_second and speed.tokens_per_second > 0 and not speed.said
    assert "fewer than training.batch: 4096" in bench.time(4096).said
    bench.last = Speed(4, 1.0, 100.0)
    monkeypatch.setattr(laboratory, "free_memory", lambda: 150_000_000)
    assert bench.time(8).said == "would take about 200 MB, and 150 MB are free"


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda: shutil.rmtree("data/tokens"), "run `dvc repro encode` first"),
        (lambda: Path("params.yaml").unlink(), "params.yaml is missing"),
        (lambda: write_params(Path("."), model={"family": "ngram"}), "counts: it has no rate"),
    ],
)
def test_where_there_is_nothing_to_try_one_line_says_so(
    project: Path, break_it: object, said: str
) -> None:
    write_params(project)
    break_it()  # type: ignore[operator]
    code, _, err = call("tune")
    assert code == 1 and len(err.splitlines()) == 1 and said in err


# --- params with comments -----------------------------------------------------------------------


def test_values_change_in_place_and_an_unedited_file_stays_unedited(project: Path) -> None:
    from pipeline.presets import write_params as use

    shutil.copy(ROOT / "presets/demo.yaml", "params.yaml")
    lines = change_params({"training": {"batch": 32}})
    assert lines == ["training.batch: 8 -> 32"]
    old = (ROOT / "presets/demo.yaml").read_text().splitlines()
    new = Path("params.yaml").read_text().splitlines()
    assert "checksum" in new[0]
    moved = [pair for pair in zip(old, new[1:], strict=True) if pair[0] != pair[1]]
    assert [line[1].split("#")[0].strip() for line in moved] == ["batch: 32"]
    assert "# windows a step" in moved[0][1]
    use({}, force=False)  # nobody's hand is in it: it may be overwritten


def test_hand_edits_are_still_seen_as_such_after_a_change(project: Path) -> None:
    from pipeline.presets import write_params as use

    text = (ROOT / "presets/demo.yaml").read_text().replace("people: 24", "people: 25")
    Path("params.yaml").write_text(text)
    change_params({"training": {"batch": 32}})
    with pytest.raises(UserError, match="edited by hand"):
        use({}, force=False)
    with pytest.raises(UserError, match=r"training\.batch"):
        change_params({"training": {"batch": 0}})
    assert load_params().training.batch == 32
