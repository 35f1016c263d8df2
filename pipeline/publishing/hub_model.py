"""Models that `transformers` has no class for, as the Hub's own mixin loads and saves them.

    model = HubModel.from_pretrained("ORG/NAME")  # or a folder
    model.save_pretrained("folder")
    model.push_to_hub("ORG/NAME")

The files are those of `pipeline.models.save_model` and are checked by `load_model`: weights that do
not fit their config, or another tokenizer's, are refused and never passed over.
https://huggingface.co/docs/huggingface_hub/guides/integrations.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from huggingface_hub import PyTorchModelHubMixin, snapshot_download
from tokenizers import Tokenizer
from torch import Tensor, nn

from pipeline.generation import generate
from pipeline.models import LanguageModel, load_model, save_model
from pipeline.tokenization.tokenizer import FILE, TOKEN_BYTES, save_tokenizer

FILES = ("model.safetensors", "config.json", FILE, TOKEN_BYTES)


class HubModel(
    nn.Module,
    PyTorchModelHubMixin,
    library_name="tugantel",
    pipeline_tag="text-generation",
    tags=["tugantel", "from-scratch"],
):
    """A model of any family (`model`) together with its `tokenizer`."""

    def __init__(self, model: LanguageModel, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.model, self.tokenizer = model, tokenizer

    def forward(self, tokens: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Logits [B, T, vocabulary] of tokens [B, T], and what the model remembers."""
        return self.model(tokens, state)

    def generate(self, prompt: str = "", **settings: Any) -> str:
        """The prompt and how it goes on; `settings` are those of `pipeline.generation.stream`."""
        return prompt + generate(self.model, self.tokenizer, prompt, **settings)

    def _save_pretrained(self, save_directory: Path) -> None:
        with TemporaryDirectory() as folder:
            save_tokenizer(self.tokenizer, Path(folder))
            save_model(save_directory, self.model, Path(folder) / FILE)

    @classmethod
    def _from_pretrained(
        cls,
        *,
        model_id: str,
        revision: str | None,
        cache_dir: str | Path | None,
        force_download: bool,
        local_files_only: bool,
        token: str | bool | None,
        map_location: str = "cpu",
        **settings: Any,
    ) -> "HubModel":
        """Called by `from_pretrained`.

        Raises:
            UserError: the files do not belong together, or are no model of ours.
        """
        folder = Path(model_id)
        if not folder.is_dir():
            folder = Path(
                snapshot_download(
                    model_id,
                    revision=revision,
                    cache_dir=cache_dir,
                    force_download=force_download,
                    local_files_only=local_files_only,
                    token=token,
                    allow_patterns=list(FILES),
                )
            )
        return cls(*load_model(folder, map_location))
