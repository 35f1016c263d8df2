"""What the documentation says is there: links, lines of code, files, commands, options, params."""

import importlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.errors import UserError
from pipeline.params import Params, parse_params
from tests.anchors import LINK, line_of, pages, renew
from tests.project import ROOT

PAGES = pages()
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.M | re.S)
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
DEMO = yaml.safe_load((ROOT / "presets/demo.yaml").read_text(encoding="utf-8"))


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


# --- links --------------------------------------------------------------------------------------


def headings(page: Path) -> set[str]:
    """What a link behind # may name: headings as GitHub turns them into anchors."""
    found: list[str] = []
    for line in prose(page).splitlines():
        if match := re.match(r"#{1,6} (.+)", line):
            slug = re.sub(r"[^\w\- ]", "", match[1].strip().lower()).replace(" ", "-")
            found.append(f"{slug}-{found.count(slug)}" if slug in found else slug)
    return set(found)


def links(page: Path) -> list[str]:
    text = re.sub(r"`[^`\n]*`", "code", prose(page))
    return re.findall(r"\]\(([^()\s]+)\)", text)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    for target in links(page):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists() and file.is_relative_to(ROOT), target
        if anchor and file.suffix == ".md":
            assert anchor in headings(file), target
        elif anchor:
            assert re.fullmatch(r"L\d+", anchor), target


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_to_code_point_at_its_line(page: Path) -> None:
    text, troubles = renew(page)
    assert not troubles
    assert text == page.read_text(encoding="utf-8"), "run python -m tests.anchors"


def test_a_link_follows_its_code_and_says_when_that_is_gone(tmp_path: Path) -> None:
    code = ROOT / "pipeline/models/transformer.py"
    lines = code.read_text(encoding="utf-8").splitlines()
    assert "def forward(" in lines[line_of("Block.forward", code) - 1]
    assert lines[line_of("x = x + self.dropout(mixed)", code) - 1].startswith("        x = x")
    for gone in ("Block.backward", "x = x + nothing", "super().__init__()"):
        with pytest.raises(LookupError):
            line_of(gone, code)


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs/README.md"
    linked = {target.partition("#")[0] for target in links(index)}
    assert {page.name for page in PAGES[1:]} - {"README.md"} <= linked


def test_every_term_of_the_glossary_is_explained_shortly_and_shown_in_code() -> None:
    page = ROOT / "docs/glossary.md"
    start, *entries = re.split(r"^### ", page.read_text(encoding="utf-8"), flags=re.M)
    assert len(entries) > 45
    for entry in entries:
        term, _, said = entry.partition("\n")
        said = re.sub(r"^## .*", "", said, flags=re.M)
        assert LINK.search(said), term
        assert 1 <= len(re.findall(r"[.?](?=\s|$)", LINK.sub("", said))) <= 4, term
        assert f"[{term}](#" in start, term


# --- files and names ----------------------------------------------------------------------------

FOLDERS = ("pipeline", "stages", "tests", "docs", "presets", "languages", "checklists", "notebooks")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_that_are_named_exist(page: Path) -> None:
    for code in INLINE.findall(prose(page)):
        path = re.fullmatch(rf"(?:{'|'.join(FOLDERS)})/[\w./-]*", code)
        if path and "CODE" not in code and "NAME" not in code:
            assert (ROOT / code).exists(), code


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_what_examples_import_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for module, names in re.findall(r"^ *from (pipeline[\w.]*) import (.+)$", text, re.M):
        found = importlib.import_module(module)
        assert all(hasattr(found, name.strip()) for name in names.split(",")), (module, names)


# --- commands -----------------------------------------------------------------------------------

PROGRAMS = ("tugantel", "make", "dvc", "python", "python3", "pytest", "torchrun", "pip")
OTHERS = (
    "git",
    "cd",
    ".",
    "tensorboard",
    "wandb",
    "hf",
    "curl",
    "lm_eval",
)  # nothing of this project to check
SHELL = ("sh", "bash")


def commands(page: Path) -> Iterator[tuple[str, bool]]:
    """Commands of a page, and whether they are whole: in a sentence they may be the first words."""
    text = page.read_text(encoding="utf-8")
    for _, language, block in FENCE.findall(text):
        lines = block.replace("\\\n", " ").splitlines()
        if language in SHELL:
            yield from ((line, True) for line in lines if "$(" not in line)
        elif not language:
            yield from ((line[2:], True) for line in lines if line.startswith("$ "))
    for code in INLINE.findall(prose(page)):
        if code.split()[0] in PROGRAMS and len(code.split()) > 1:
            yield code, False


def parts(line: str) -> Iterator[list[str]]:
    """The words of each command of a line, without what the shell keeps for itself."""
    words = shlex.split(line, comments=True)
    while words:
        end = next(
            (i for i, word in enumerate(words) if word in ("&&", "|", ";", "||")), len(words)
        )
        command, words = words[:end], words[end + 1 :]
        while command and re.fullmatch(r"[A-Z_]+=.*", command[0]):
            command = command[1:]
        if command and command[0] == "srun":
            command = command[1:]
        while command and (place := next((i for i, w in enumerate(command) if w in "<>>"), None)):
            command = command[:place] + command[place + 2 :]
        if command:
            yield [command[0].removeprefix(".venv/bin/"), *command[1:]]


def check_tugantel(words: list[str], whole: bool) -> None:
    import typer

    from pipeline.cli import app

    group: Any = typer.main.get_command(app)
    assert words[0] in group.commands, f"no command {words[0]}"
    command = group.commands[words[0]]
    try:
        command.make_context(words[0], words[1:])
    except Exception as error:
        if type(error).__name__ == "Exit":  # --help
            return
        assert type(error).__name__ == "MissingParameter" and not whole, error


def check_make(words: list[str], whole: bool) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for word in words:
        variable = re.fullmatch(r"([A-Z]+)=.*", word)
        if variable:
            assert f"$({variable[1]})" in makefile, word
        else:
            assert re.search(rf"^{word}:", makefile, re.M), word


def check_dvc(words: list[str], whole: bool) -> None:
    from dvc.cli import DvcParserError
    from dvc.cli.parser import get_main_parser

    try:
        parsed = get_main_parser().parse_args(words)
    except DvcParserError:
        raise AssertionError(words) from None
    recipe = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
    if words[0] in ("repro", "commit"):
        assert set(parsed.targets or ()) <= set(recipe["stages"])
    for change in getattr(parsed, "set_param", None) or ():
        key, _, value = change.partition("=")
        assert_param(key, value)


def check_python(words: list[str], whole: bool) -> None:
    if words[0] != "-m":
        return
    if words[1] == "venv":
        return
    path = ROOT / (words[1].replace(".", "/"))
    source = path.with_suffix(".py") if path.with_suffix(".py").exists() else path / "__main__.py"
    assert source.exists(), words[1]
    for option in (word for word in words[2:] if word.startswith("--")):
        assert f'"{option}"' in source.read_text(encoding="utf-8"), option


def check_pytest(words: list[str], whole: bool) -> None:
    files = [word for word in words if word.startswith("tests/")]
    assert all((ROOT / file).exists() for file in files), files
    if "-k" in words:
        wanted = words[words.index("-k") + 1]
        assert any(wanted in (ROOT / file).read_text(encoding="utf-8") for file in files), wanted


def check_torchrun(words: list[str], whole: bool) -> None:
    from torch.distributed.run import get_args_parser

    known = [re.sub(r'=".*"|=\$.*', "=1", word) for word in words]
    parsed = get_args_parser().parse_args(known)
    assert parsed.module, words
    check_python(["-m", parsed.training_script, *parsed.training_script_args], whole)


def check_pip(words: list[str], whole: bool) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for word in words:
        if extra := re.search(r"tugantel\[(\w+)\]|^\.\[(\w+)\]", word):
            assert (extra[1] or extra[2]) in project["optional-dependencies"], word
        if word.endswith(".lock"):
            assert (ROOT / word).exists(), word


CHECKS = {
    "tugantel": check_tugantel,
    "make": check_make,
    "dvc": check_dvc,
    "python": check_python,
    "python3": check_python,
    "pytest": check_pytest,
    "torchrun": check_torchrun,
    "pip": check_pip,
}


def check_line(line: str, whole: bool) -> None:
    for words in parts(line):
        if words[0] not in OTHERS:
            assert words[0] in CHECKS, f"{words[0]} in {line!r}"
            CHECKS[words[0]](words[1:], whole)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_are_understood_with_their_options(page: Path) -> None:
    for line, whole in commands(page):
        try:
            check_line(line, whole)
        except (AssertionError, SystemExit, ValueError, UserError) as error:
            raise AssertionError(f"{line}: {error}") from error


@pytest.mark.parametrize(
    "line",
    [
        "tugantel fly",
        "tugantel generate --wings 2",
        "tugantel use",
        "make coffee",
        "make bench PARTS=a WINGS=b",
        "dvc repro fly",
        "dvc exp run --wings",
        "dvc exp run -S model.wings=2",
        "dvc exp run -S model.layers=many",
        "python -m stages.fly",
        "python -m stages.pretrain --wings",
        "pytest tests/unit/test_nothing.py",
        "torchrun --wings -m stages.pretrain",
        "torchrun -m stages.fly",
        "pip install 'tugantel[wings]'",
        "fly",
    ],
)
def test_a_command_that_does_not_exist_is_found(line: str) -> None:
    with pytest.raises((AssertionError, SystemExit, UserError)):
        check_line(line, True)


# --- params -------------------------------------------------------------------------------------

FILES = ("json", "md", "py", "safetensors", "html", "yaml", "csv", "bin", "png", "models")


def assert_param(key: str, value: str | None = None) -> None:
    """There is such a param, and it takes the value."""
    model: Any = Params
    *sections, last = key.split(".")
    values = place = yaml.safe_load(yaml.safe_dump(DEMO))
    for part in sections:
        model = model.model_fields[part].annotation if hasattr(model, "model_fields") else Any
        place = place.setdefault(part, {})
    if hasattr(model, "model_fields"):
        assert last in model.model_fields, key
    if value is not None:
        place[last] = yaml.safe_load(value)
        parse_params(values)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_params_that_are_named_exist(page: Path) -> None:
    for code in INLINE.findall(prose(page)):
        found = re.fullmatch(r"([a-z_]+(?:\.[a-z0-9_]+)+)(?:: ?(.+))?", code)
        if not found or found[1].split(".")[0] not in Params.model_fields:
            continue
        if found[1].split(".")[-1] in FILES:
            continue
        assert_param(found[1])
        for value in (found[2] or "").split("|"):
            plain = value.strip()
            if plain and not re.search(r"[A-Z]{3}|\.\.\.", plain):
                assert_param(found[1], plain)


@pytest.mark.parametrize("key", ["model.wings", "experiments.wings", "corpus.source"])
def test_a_param_that_does_not_exist_is_found(key: str) -> None:
    with pytest.raises(AssertionError):
        assert_param(key)
