"""Short trainings of the project's own model on its own tokens: what `tune` learns from."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from pipeline.errors import UserError
from pipeline.models import ModelConfig, build_model
from pipeline.params import Params, TrainingParams
from pipeline.tokenization.tokenizer import load_tokenizer
from pipeline.training.batches import Batches, document_starts
from pipeline.training.data import read_tokens, token_lengths
from pipeline.training.fitting import check_memory, free_memory
from pipeline.training.learner import Learner
from pipeline.training.loop import Diverged, Plan, Step, Validation, train
from pipeline.training.memory import PeakMemory
from pipeline.training.precision import choose_machine
from pipeline.training.tune import Speed, Trial, parts, rates
from pipeline.training.validate import Held

HELD_TOKENS = 1 << 14
STEPS_TIMED, SECONDS_TIMED = 8, 2.0


class Workbench:
    """Trains the project's own model on its own tokens, on this machine."""

    def __init__(self, params: Params, tokens: Path, tokenizer: Path) -> None:
        """Raises UserError where there are no tokens, or the model has nothing to tune."""
        if not (tokens / "train.json").is_file() or not (tokens / "validation.json").is_file():
            raise UserError(
                f"there are no tokens in {tokens} to try anything on: run `dvc repro encode` first"
            )
        loaded = load_tokenizer(tokenizer)
        self.params = params.training
        self.context = params.model.context
        self.config = ModelConfig.from_params(params.model, loaded.get_vocab_size())
        if self.config.one_pass:
            raise UserError(f"family {self.config.family} counts: it has no rate to tune")
        self.tokens = read_tokens(tokens, "train", loaded)
        validation = read_tokens(tokens, "validation", loaded)[:HELD_TOKENS]
        self.held = Held(np.array(validation), token_lengths(loaded))
        self.documents = document_starts(
            self.params, self.config, self.tokens, self.held.token_bytes
        )
        self.machine = choose_machine(self.params)
        batches = Batches(self.tokens, self.context, self.params.batch, self.params.seed)
        plan = Plan.make(batches, self.params.epochs, self.params.tokens, 1)
        self.run_tokens = plan.steps * plan.tokens_per_step
        self.last: Speed | None = None

    def _made(self, batch: int, factor: float, seed: int) -> tuple[Learner, TrainingParams]:
        settings = self.params.model_copy(
            update=rates(self.params, factor)
            | {"batch": batch, "accumulation": parts(self.params, batch)}
        )
        torch.manual_seed(seed)
        model = build_model(self.config)
        model.checkpoint_layers = self.params.checkpoint_layers
        check_memory(model, batch, settings.accumulation, self.machine)
        return Learner(model.to(self.machine.device), settings, self.machine), settings

    def time(self, batch: int) -> Speed:
        """The fastest of a few steps after a first one, and the memory that they take."""
        problem = self._too_heavy(batch)
        if problem:
            return Speed(batch, None, None, problem)
        memory = PeakMemory(self.machine.device)
        seconds: list[float] = []
        try:
            learner, settings = self._made(batch, 1.0, self.params.seed)
            batches = Batches(self.tokens, self.context, batch, self.params.seed)
            plan = Plan(STEPS_TIMED + 1, batches.steps_per_epoch, frozenset(), 0)
            for event in train(learner, batches, self.held, plan, settings, self.machine):
                if isinstance(event, Step):
                    seconds.append(event.seconds)
                if len(seconds) > 2 and seconds[-1] - seconds[0] > SECONDS_TIMED:
                    break
        except Diverged:  # what was timed before counts; the trials will tell of it
            pass
        except UserError as error:
            return Speed(batch, None, None, str(error))
        if len(seconds) < 2:
            return Speed(batch, None, None, "diverges in its first steps")
        fastest = min(after - before for before, after in pairwise(seconds))
        speed = batch * self.context / max(fastest, 1e-9)
        self.last = Speed(batch, speed, memory.megabytes())
        return self.last

    def _too_heavy(self, batch: int) -> str:
        """On a CPU, what the batch before tells of this one: the system would end the process."""
        free = free_memory()
        last = self.last
        if self.machine.device != "cpu" or free is None or last is None or not last.megabytes:
            return ""
        needed = last.megabytes * batch / last.batch
        if needed * 1e6 < 0.9 * free:
            return ""
        return f"would take about {needed:,.0f} MB, and {free / 1e6:,.0f} MB are free"

    def train(self, batch: int, factor: float, tokens: int, seed: int) -> Trial:
        """One whole schedule over so many tokens."""
        learner, settings = self._made(batch, factor, seed)
        batches = Batches(self.tokens, self.context, batch, seed, documents=self.documents)
        per_step = batch * self.context
        steps = tokens // per_step
        plan = Plan(steps, batches.steps_per_epoch, frozenset({steps}), per_step)
        loss, said = math.inf, ""
        try:
            for event in train(learner, batches, self.held, plan, settings, self.machine):
                if isinstance(event, Validation):
                    loss = event.validation_loss
        except Diverged as error:
            said = f"diverged at step {error.step} of {steps}"
        if not math.isfinite(loss) and not said:
            said = "diverged in its last step"
        return Trial(batch, factor, tokens, seed, loss if math.isfinite(loss) else math.inf, said)
