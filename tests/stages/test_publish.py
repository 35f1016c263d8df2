"""Publishing a finished run: to a folder, and to a stand-in for the Hub over HTTP."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard, constants
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.files import write_json
from pipeline.params import load_params
from pipeline.publishing import publication
from pipeline.publishing.provenance import Provenance
from tests.project import environment
from tests.stages.test_export import PROJECT, project
from tests.unit.hub_server import Hub, Repository, serving_hub

TOKEN = "hf_" + "Secret" * 6
NAME = "people/tatar-small"
CLEAN = Provenance("0123456789abcdef0123456789abcdef01234567", (), ())
SAMPLE = "Марат ``` | <b> [x](y) --- базарга бара."


def reports(folder: Path, family: str) -> None:
    epochs = [
        {
            "epoch": float(epoch),
            "train_loss": 3.0 / epoch,
            "validation_loss": 3.1 / epoch,
            "validation_bits_per_byte": 1.5 / epoch,
        }
        for epoch in (1, 2)
    ]
    training = {"family": family, "parameters": 8032, "steps": 9, "tokens": 4000, "seconds": 3.5}
    training |= {"device": "cpu", "precision": "float32", "tokens_per_second": 1100}
    write_json(folder / "training.json", training | {"torch": "2.13.0", "epochs": epochs})
    evaluation = {
        "bits_per_byte": {"model": 1.25, "char_5gram": 1.5},
        "bits_per_byte_interval": [1.2, 1.3],
        "minimal_pairs": {"accuracy": 0.75, "char_5gram": 0.5, "interval": [0.7, 0.8]},
        "facts": {"accuracy": None, "consistency": None},
        "samples": [{"prompt": "Марат", "text": SAMPLE, "temperature": 0.8}],
    }
    write_json(folder / "evaluation.json", evaluation)
    write_json(folder / "tokenizer.json", {"chosen": {"kind": "byte_bpe", "size": 290}})
    counts = {"documents": {"raw": 10, "kept": 8}, "bytes": {"raw": 600, "kept": 500}}
    write_json(folder / "cleaning.json", counts | {"personal": {"phone": 1}})
    (folder / "figures").mkdir()
    for name in ("loss.png", "figures/bits_per_byte.png", "figures/ladder.png"):
        (folder / name).write_bytes(b"\x89PNG " + name.encode())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A finished run of two families: transformers has a class for one of them."""
    from stages.export import main

    found = {}
    for family in ("modern", "lstm"):
        folder = tmp_path_factory.mktemp(family)
        project(folder, family)
        values = yaml.safe_load((PROJECT / "presets/demo.yaml").read_text(encoding="utf-8"))
        values["model"] |= {"family": family, "kv_heads": None}
        (folder / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
        params = load_params(folder / "params.yaml")
        record = {"model": params.model.model_dump(), "training": params.training.model_dump()}
        write_json(folder / "data/model/training.json", record)
        (folder / "languages").symlink_to(PROJECT / "languages")
        reports(folder / "reports", family)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            main(params)
        found[family] = folder
    return found


@pytest.fixture(params=["modern"])
def run(
    finished: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Path:
    """A copy of a finished run, in which we stand."""
    folder = tmp_path / "run"
    shutil.copytree(finished[request.param], folder, symlinks=True)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(publication, "provenance", lambda: CLEAN)
    return folder


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A Hub that one token may write to, and a client that knows it."""
    with serving_hub(Hub({TOKEN: {"people"}})) as hub:
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setattr(constants, "ENDPOINT", hub.address)
        files = hub.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", files)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        yield hub


def publish(*words: str) -> tuple[int, str, list[str]]:
    result = CliRunner().invoke(app, ["publish", *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr.splitlines()


def refused(*words: str) -> str:
    """The one line that a failed publication ends with."""
    code, _, lines = publish(*words)
    assert code == 1 and len(lines) == 1, lines
    assert TOKEN not in lines[0]
    return lines[0]


# --- the folder ------------------------------------------------------------------------------


def test_a_dry_run_writes_and_checks_everything_and_asks_nobody(
    run: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    code, out, err = publish(NAME, "--dry-run")
    assert code == 0, err
    assert hub.requests == []
    assert f"would go to {NAME} (public, licence cc0-1.0)" in out and "nothing was sent" in out
    folder = run / "data/publication"
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    pictures = {"figures/loss.png", "figures/bits_per_byte.png", "figures/ladder.png"}
    files = {"model.safetensors", "config.json", "generation_config.json", "tokenizer.json"}
    files |= {"token_bytes.json", "tokenizer_config.json", "README.md", "params.yaml"}
    assert names == files | pictures
    assert all(name in out for name in names)
    for name in files - {"README.md", "params.yaml"}:
        assert (folder / name).read_bytes() == (run / "data/export" / name).read_bytes()


def test_the_card_says_all_of_it_and_the_hubs_own_classes_read_it(run: Path) -> None:
    assert publish(NAME, "--dry-run")[0] == 0
    card = ModelCard.load(run / "data/publication/README.md")
    data = card.data
    assert (data.language, data.license, data.library_name) == ("tt", "cc0-1.0", "transformers")
    assert data.pipeline_tag == "text-generation" and {"tugantel", "modern"} <= set(data.tags)
    assert data.model_name == "tatar-small"
    results = {one.metric_type: one for one in data.eval_results}
    assert results["bits_per_byte"].metric_value == 1.25
    assert results["bits_per_byte"].metric_args == {"interval_95": [1.2, 1.3]}
    assert results["accuracy"].metric_value == 0.75 and len(data.eval_results) == 2
    text = card.text
    for said in (
        "language model of Tatar",
        "| demo | CC0-1.0 | 8 | 0.00 MB |",
        "kept 8 of 10 documents",
        "4,000 tokens in 9 steps",
        "| 2 | 1.5000 | 1.5500 | 0.7500 |",
        "(figures/loss.png)",
        f"````text\n{SAMPLE}\n````",
        "## Limits",
        f"commit `{CLEAN.commit}`, with nothing changed",
        "(params.yaml)",
        f'pipeline("text-generation", "{NAME}")',
    ):
        assert said in text, said


def test_what_the_commit_does_not_tell_stands_in_the_card(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = Provenance("f" * 40, ("params.yaml", "new.py"), ("pretrain",))
    monkeypatch.setattr(publication, "provenance", lambda: origin)
    _, out, _ = publish(NAME, "--dry-run")
    text = (run / "data/publication/README.md").read_text()
    for said in ("2 files differ from the commit", "`dvc status`): pretrain"):
        assert said in text and said in out
    assert "from the commit: params.yaml, new.py" in out
    assert "new.py" not in text, "names of files that nobody published"
    assert "nothing changed" not in text


def test_a_second_dry_run_writes_the_same_bytes(run: Path) -> None:
    folder = run / "data/publication"
    assert publish(NAME, "--dry-run")[0] == 0
    first = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert publish(NAME, "--dry-run")[0] == 0
    assert first == {p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_folders_of_this_machine_are_not_published(run: Path) -> None:
    values = yaml.safe_load((run / "params.yaml").read_text())
    source = {"kind": "files", "path": "/home/aigul/private/letters.txt", "licence": "CC0"}
    values["corpus"]["sources"] = [source, {"kind": "text", "text": "а/home"}]
    values["cleaning"]["identifier"] = "~/models/own.ftz"
    (run / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    assert publish(NAME, "--dry-run")[0] == 0
    text = (run / "data/publication/params.yaml").read_text(encoding="utf-8")
    assert "aigul" not in text and "~" not in text
    assert ".../letters.txt" in text and ".../own.ftz" in text
    assert load_params(run / "data/publication/params.yaml").model == load_params().model


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda run: shutil.rmtree(run / "data/export"), "make repro"),
        (lambda run: (run / "data/export/config.json").write_text("{}"), "dvc repro export"),
        (lambda run: (run / "data/model/model.safetensors").write_bytes(b"x"), "changed after"),
        (lambda run: (run / "reports/export.json").write_text("{}"), "older version"),
        (lambda run: (run / "reports/export.json").unlink(), "is missing"),
        (lambda run: (run / "reports/evaluation.json").unlink(), "evaluation.json is missing"),
        (lambda run: (run / "reports/loss.png").unlink(), "loss.png is missing"),
        (lambda run: (run / "data/raw/sources.json").unlink(), "sources.json is missing"),
    ],
)
def test_a_run_that_is_not_finished_or_not_of_one_piece_is_one_line(
    run: Path, broken: Any, said: str
) -> None:
    broken(run)
    assert said in refused(NAME, "--dry-run")
    assert not (run / "data/publication").exists()


def test_params_that_are_not_the_models_are_one_line(run: Path) -> None:
    values = yaml.safe_load((run / "params.yaml").read_text())
    values["training"]["batch"] = 999
    (run / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    line = refused(NAME, "--dry-run")
    assert "training.batch: 8, params.yaml says 999" in line


def test_a_missing_picture_of_the_report_is_said(run: Path) -> None:
    (run / "reports/figures/ladder.png").unlink()
    code, out, _ = publish(NAME, "--dry-run")
    assert code == 0 and "without a picture: reports/figures/ladder.png" in out
    assert "ladder" not in (run / "data/publication/README.md").read_text()


def sources(run: Path, *licences: str) -> None:
    rows = [
        {"name": f"s{i}", "licence": x, "bytes": 5, "documents": 1} for i, x in enumerate(licences)
    ]
    write_json(run / "data/raw/sources.json", {"sources": rows})


def test_an_unknown_licence_stops_until_the_user_names_one(run: Path) -> None:
    sources(run, "CC BY 4.0", "unknown")
    assert "source s1 is 'unknown'" in refused(NAME, "--dry-run")
    assert "not known" in refused(NAME, "--dry-run", "--licence", "my own")
    code, out, _ = publish(NAME, "--dry-run", "--licence", "CC0")
    assert code == 0 and "cc0-1.0 asks for less than these sources: s0 (CC BY 4.0)" in out
    text = (run / "data/publication/README.md").read_text()
    assert "license: cc0-1.0" in text and "was named by those who published it" in text


@pytest.mark.parametrize("name", ["tatar", "a/b/c", "people/", "people/-x", "people/a b", ""])
def test_a_name_that_cannot_be_one_is_one_line(run: Path, name: str) -> None:
    assert "ORGANISATION/NAME" in refused("--dry-run", "--", name)


def test_the_token_in_a_file_to_be_published_stops_it(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    values = yaml.safe_load((run / "params.yaml").read_text())
    values["tracking"]["project"] = TOKEN
    (run / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    assert "params.yaml would hold your token" in refused(NAME, "--dry-run")
    assert not (run / "data/publication").exists()


# --- the Hub ---------------------------------------------------------------------------------


@pytest.mark.parametrize("large", [False, True])
def test_a_publication_is_one_commit_and_a_repeat_changes_nothing(
    run: Path, hub: Hub, large: bool
) -> None:
    hub.large = large
    code, out, err = publish(NAME)
    assert code == 0, err
    assert f"model: {hub.address}/{NAME}" in out
    there = hub.repositories[NAME]
    assert len(there.commits) == 2 and not there.private
    folder = run / "data/publication"
    for path in folder.rglob("*"):
        if path.is_file():
            assert there.files[path.relative_to(folder).as_posix()] == path.read_bytes()
    code, out, _ = publish(NAME)
    assert code == 0 and "nothing has changed" in out
    assert len(there.commits) == 2
    assert hub.asked(f"POST /api/models/{NAME}/commit") == 1


def test_only_what_changed_is_sent(run: Path, hub: Hub) -> None:
    hub.large = True
    assert publish(NAME)[0] == 0
    sources(run, "CC BY-SA 4.0")
    code, out, _ = publish(NAME)
    assert code == 0 and "sent 1 files: README.md" in out
    assert hub.repositories[NAME].commits[-1] == ["README.md"]
    assert b"license: cc-by-sa-4.0" in hub.repositories[NAME].files["README.md"]


def test_a_private_model_is_private_or_not_published_at_all(run: Path, hub: Hub) -> None:
    assert publish(NAME, "--private")[0] == 0
    assert hub.repositories[NAME].private
    hub.repositories["people/open"] = Repository()
    assert "exists and is public" in refused("people/open", "--private")
    assert len(hub.repositories["people/open"].commits) == 1


def test_an_upload_that_breaks_shows_nothing_and_goes_on_with_what_is_missing(
    run: Path, hub: Hub
) -> None:
    hub.large = True
    hub.plan = {"PUT /blobs": [200, 400]}
    assert NAME in refused(NAME)
    assert len(hub.repositories[NAME].commits) == 1, "half a publication is to be seen by nobody"
    came = set(hub.blobs)
    assert came
    before = hub.asked("PUT /blobs")
    code, _, err = publish(NAME)
    assert code == 0, err
    assert hub.asked("PUT /blobs") - before == 4 - len(came)
    assert len(hub.repositories[NAME].commits) == 2


def test_a_killed_upload_shows_nothing_and_the_same_command_ends_it(run: Path, hub: Hub) -> None:
    hub.large = True
    hub.plan = {"PUT /blobs": [200, "hang", "hang", "hang", "hang"]}
    place = {"HF_ENDPOINT": hub.address, "HF_TOKEN": TOKEN, "HF_HUB_OFFLINE": "0"}
    place |= {"HF_HUB_DISABLE_XET": "1"}
    words = [sys.executable, "-m", "pipeline.cli", "publish", NAME]
    process = subprocess.Popen(
        words, env=environment() | place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while hub.asked("PUT /blobs") < 4 or not hub.blobs:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait(30)
    hub.go_on.set()
    assert len(hub.repositories[NAME].commits) == 1
    hub.plan.clear()
    sent = len(hub.blobs)
    code, _, err = publish(NAME)
    assert code == 0, err
    assert len(hub.repositories[NAME].commits) == 2
    assert hub.asked("PUT /blobs") == 4 + 4 - sent


@pytest.mark.parametrize("answer", [500, "cut"])
def test_a_commit_that_breaks_off_is_made_by_the_next_run(
    run: Path, hub: Hub, answer: int | str
) -> None:
    hub.plan = {f"POST /api/models/{NAME}/commit": [answer]}
    assert "again" in refused(NAME)
    assert publish(NAME)[0] == 0
    assert len(hub.repositories[NAME].commits) == 2


def test_a_half_uploaded_repository_is_completed(run: Path, hub: Hub) -> None:
    assert publish(NAME, "--dry-run")[0] == 0
    half = Repository()
    for name in ("model.safetensors", "config.json"):
        half.files[name] = (run / "data/publication" / name).read_bytes()
    hub.repositories[NAME] = half
    code, out, _ = publish(NAME)
    assert code == 0 and "README.md" in out
    assert "model.safetensors" not in half.commits[-1] and "config.json" not in half.commits[-1]


@pytest.mark.parametrize("stranger", ["model.safetensors", "pytorch_model.bin"])
def test_a_name_that_holds_something_else_is_left_alone(run: Path, hub: Hub, stranger: str) -> None:
    taken = Repository()
    taken.files |= {stranger: b"another model", "README.md": b"---\ntags: [other]\n---\nmine"}
    hub.repositories[NAME] = taken
    line = refused(NAME)
    assert "is taken" in line and stranger in line
    assert taken.files[stranger] == b"another model" and len(taken.commits) == 1


def test_a_model_of_ours_under_a_foreign_name_is_not_written_to(run: Path, hub: Hub) -> None:
    theirs = Repository()
    theirs.files["README.md"] = b"---\ntags: [tugantel]\n---\nours, but not yours"
    hub.repositories["strangers/model"] = theirs
    assert "may not write to strangers/model" in refused("strangers/model")
    assert len(theirs.commits) == 1


def test_somebody_who_writes_at_the_same_time_is_not_overwritten(run: Path, hub: Hub) -> None:
    hub.plan = {f"POST /api/models/{NAME}/commit": [412]}
    assert "changed people/tatar-small meanwhile" in refused(NAME)


def test_without_a_token_nothing_is_even_prepared(
    run: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    assert "no token of the Hub: run `hf auth login`" in refused(NAME)
    assert not (run / "data/publication").exists() and hub.requests == []


def test_a_token_that_was_stored_by_a_login_is_found(
    run: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    (tmp_path / "token").write_text(TOKEN)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    assert publish(NAME)[0] == 0


@pytest.mark.parametrize(
    ("token", "name", "said"),
    [
        ("hf_" + "wrong" * 7, NAME, "the Hub refuses the token"),
        (TOKEN, "strangers/model", "may not write to strangers/model"),
    ],
)
def test_a_wrong_token_and_a_foreign_name_are_one_line(
    run: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch, token: str, name: str, said: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    line = refused(name)
    assert said in line and token not in line
    assert hub.repositories == {}


def test_without_a_network_it_is_one_line(
    run: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert "127.0.0.1 cannot be reached" in refused(NAME)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    from huggingface_hub.utils import close_session

    close_session()
    try:
        assert "HF_HUB_OFFLINE" in refused(NAME)
    finally:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        close_session()


def test_the_token_is_nowhere_in_what_is_written_or_said(run: Path, hub: Hub) -> None:
    code, out, err = publish(NAME)
    assert code == 0 and TOKEN not in out + "".join(err)
    for path in run.rglob("*"):
        if path.is_file():
            assert TOKEN.encode() not in path.read_bytes(), path
    for name, content in hub.repositories[NAME].files.items():
        assert TOKEN.encode() not in content, name


LOAD = """
import json, sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
name = sys.argv[1]
tokenizer, model = AutoTokenizer.from_pretrained(name), AutoModelForCausalLM.from_pretrained(name)
ids = torch.tensor([tokenizer("Марат базарга")["input_ids"]])
with torch.inference_mode():
    print(json.dumps([ids.tolist(), model(ids).logits.tolist()]))
for block in json.load(sys.stdin):
    exec(block)
"""


def blocks(run: Path) -> list[str]:
    text = (run / "data/publication/README.md").read_text(encoding="utf-8")
    return [part.split("```")[0] for part in text.split("```python\n")[1:]]


def test_loaded_back_by_transformers_it_has_equal_logits_and_the_cards_lines_run(
    run: Path, hub: Hub, tmp_path: Path
) -> None:
    import torch

    from pipeline.models import load_model
    from pipeline.tokenization.tokenizer import encode_text

    assert publish(NAME)[0] == 0
    shutil.rmtree(run / "data/export")
    given = blocks(run)
    assert len(given) == 2
    assert len([line for line in given[0].splitlines() if line]) == 3, "three lines to use it"
    place = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", LOAD, NAME],
        input=json.dumps(given),
        env=environment() | place,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    ids, logits = json.loads(lines[0])
    assert len(lines) >= 3, "both examples write something"
    model, tokenizer = load_model(run / "data/model")
    assert ids == [encode_text(tokenizer, "Марат базарга")]
    with torch.inference_mode():
        ours = model(torch.tensor(ids))[0]
    assert torch.allclose(ours, torch.tensor(logits), atol=1e-5)


@pytest.mark.parametrize("run", ["lstm"], indirect=True)
def test_other_families_come_back_from_the_hub_through_its_mixin(
    run: Path, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from pipeline.models import load_model
    from pipeline.publishing.hub_model import HubModel

    assert publish(NAME)[0] == 0
    there = hub.repositories[NAME]
    assert {"model_hub_mixin", "pytorch_model_hub_mixin"} <= set(there.tags)
    assert b"no class for family lstm" in there.files["README.md"]
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    loaded = HubModel.from_pretrained(NAME, cache_dir=tmp_path / "cache")
    trained, _ = load_model(run / "data/model")
    tokens = torch.randint(0, 290, (2, 24))
    with torch.inference_mode():
        assert torch.equal(loaded(tokens)[0], trained(tokens)[0])
    (block,) = blocks(run)
    page = (PROJECT / "docs/publishing.md").read_text(encoding="utf-8")
    again = page.split("```python\n")[1].split("```")[0].replace("ORGANISATION/NAME", NAME)
    for example in (block, again):
        exec(example.replace(f'"{NAME}"', f'"{NAME}", cache_dir={str(tmp_path / "cache")!r}'))

    loaded.save_pretrained(tmp_path / "saved")
    for name in ("model.safetensors", "config.json", "tokenizer.json", "token_bytes.json"):
        assert (tmp_path / "saved" / name).read_bytes() == there.files[name], name
    loaded.push_to_hub("people/again")
    assert hub.repositories["people/again"].files["config.json"] == there.files["config.json"]


@pytest.mark.parametrize("run", ["lstm"], indirect=True)
def test_weights_that_do_not_fit_are_never_loaded_half(run: Path) -> None:
    from safetensors.torch import load_file, save_file

    from pipeline.errors import UserError
    from pipeline.publishing.hub_model import HubModel

    path = run / "data/export/model.safetensors"
    weights = load_file(path)
    weights.pop("lstm.weight_ih_l0")
    save_file(weights, path)
    with pytest.raises(UserError, match="does not fit its config"):
        HubModel.from_pretrained(run / "data/export")
