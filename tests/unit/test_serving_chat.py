"""Chat: it goes on whatever is typed, forgets the oldest first, and shows whole letters only."""

import json
import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from pipeline.models import build_model, save_model
from pipeline.models.config import ModelConfig
from pipeline.params import GenerationParams
from pipeline.serving.chat import Chat, converse
from pipeline.serving.dialogue import NEXT_TURN, Dialogue, dialogue, first_turn, visible
from pipeline.serving.service import PAGE
from pipeline.serving.voices import Voice, load_voices
from tests.project import ROOT, command, environment
from tests.unit.voices import make_voice

SETTINGS = GenerationParams(tokens=6).model_dump()
Said = Callable[[], tuple[str, str]]


@pytest.fixture(scope="module")
def voice(tokenizer: Tokenizer) -> Voice:
    return make_voice(tokenizer)


@pytest.fixture
def folder(tmp_path: Path, tokenizer_folder: Path) -> Path:
    """A folder with an untrained model."""
    path = tmp_path / "some model"
    path.mkdir()
    model = build_model(ModelConfig("modern", 320, 1, 32, 2, 2, 48, 32, 0.0, True))
    save_model(path, model, tokenizer_folder / "tokenizer.json")
    return path


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """What was printed since the last look: the conversation, and complaints."""

    def look() -> tuple[str, str]:
        captured = capsys.readouterr()
        return captured.out, captured.err

    return look


def test_the_same_seed_and_turns_give_the_same_answers_after_a_reset(
    voice: Voice, said: Said
) -> None:
    chat = Chat([voice], SETTINGS)
    turns = ["Сәлам!", "Кояш чыкты."]
    answers = []
    for seed in ("7", "7", "8"):
        chat.turn(f"/seed {seed}")
        chat.turn("/reset")
        for turn in turns:
            chat.turn(turn)
        answers.append(said()[0])
    assert answers[0] == answers[1] != answers[2]


def test_each_of_several_models_answers_behind_its_name(tokenizer: Tokenizer, said: Said) -> None:
    voices = [make_voice(tokenizer, name=name) for name in ("one", "two/three")]
    Chat(voices, SETTINGS).turn("Сәлам!")
    out, err = said()
    first, second = out.split("[two/three] ")
    assert first.startswith("[one] ") and first.endswith("\n") and second.endswith("\n")
    assert err == ""


def test_one_model_is_not_named(voice: Voice, said: Said) -> None:
    Chat([voice], SETTINGS).turn("Сәлам!")
    assert "[" + voice.name not in said()[0]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("/temperature hot", "temperature: hot is not a number"),
        ("/temperature -1", "temperature: -1 is not"),
        ("/temperature 11", "temperature: 11 is not"),
        ("/temperature nan", "temperature: nan is not"),
        ("/seed 1.5", "seed: 1.5 is not a whole number"),
        ("/seed -1", "seed: -1 is not"),
        ("/model nowhere", "no trained model in nowhere"),
        ("/model 'open", "No closing quotation"),
        ("/model a a", "a is given twice"),
        ("/speak", "no command /speak: /help"),
        ("/", "no command /: /help"),
    ],
)
def test_a_wrong_command_is_one_line_and_the_chat_goes_on(
    voice: Voice, said: Said, line: str, complaint: str
) -> None:
    chat = Chat([voice], SETTINGS)
    chat.turn("Сәлам!")
    before = list(chat.dialogues[0].turns)
    said()
    chat.turn(line)
    out, err = said()
    assert out == "" and len(err.splitlines()) == 1 and complaint in err
    assert chat.settings == SETTINGS and chat.dialogues[0].turns == before
    chat.turn("Кояш чыкты.")
    assert said()[0]


def test_commands_change_what_they_name(voice: Voice, folder: Path, said: Said) -> None:
    chat = Chat([voice], SETTINGS)
    chat.turn("/temperature 0.25")
    chat.turn("/seed   12 ")
    assert chat.settings == SETTINGS | {"temperature": 0.25, "seed": 12}
    chat.turn("/temperature")
    assert said() == ("temperature 0.25\n", "")
    chat.turn(f"/model '{folder}'")
    assert [one.voice.name for one in chat.dialogues] == [str(folder)]
    chat.turn("/help")
    shown = said()[0]
    assert all(name in shown for name in chat.commands)
    assert max(map(len, shown.splitlines())) <= 80


def test_the_oldest_turns_leave_first_and_the_prompt_stays_in_the_context(voice: Voice) -> None:
    talk = Dialogue(voice)
    history: list[str] = []
    for number in range(30):
        turn = f"{number} Кояш."
        assert not talk.say(turn, 8)
        history.append(turn)
        kept = len(talk.turns)
        assert talk.turns == history[-kept:], "only the oldest left"
        assert len(voice.encode(dialogue(talk.turns))) <= voice.context - 8
        if kept < len(history):
            one_more = dialogue(history[-kept - 1 :])
            assert len(voice.encode(one_more)) > voice.context - 8, "no turn left too early"
        "".join(talk.answer(SETTINGS | {"tokens": 8}))
        history = history[: len(history) - kept] + talk.turns
    assert kept < 30


def test_a_turn_longer_than_the_context_is_read_from_its_end_and_said_so(
    tokenizer: Tokenizer, said: Said
) -> None:
    voice = make_voice(tokenizer)
    chat = Chat([voice], SETTINGS | {"temperature": 0.0})
    chat.turn("Кояш чыкты. " * 200 + "Ул мәктәптә укый.")
    answer, complaint = said()
    assert "only its end is read" in complaint and len(complaint.splitlines()) == 1
    chat.reset()
    chat.turn("Кояш чыкты. " * 300 + "Ул мәктәптә укый.")
    assert said()[0] == answer


def test_an_interrupted_answer_is_kept_as_far_as_it_came(
    voice: Voice, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []

    def print_two(text: str, end: str = "\n") -> None:
        shown.append(text)
        if len(shown) == 2:
            raise KeyboardInterrupt

    chat = Chat([voice], SETTINGS)
    monkeypatch.setattr("pipeline.serving.chat.say", print_two)
    chat.turn("Сәлам!")
    assert chat.dialogues[0].turns == ["Сәлам!", "".join(shown).strip()]
    chat.turn("Кояш чыкты.")
    assert len(chat.dialogues[0].turns) == 4


@given(st.binary(max_size=60), st.lists(st.integers(1, 7), min_size=1, max_size=60))
def test_no_bytes_that_a_model_writes_show_a_broken_letter_or_steer_the_terminal(
    raw: bytes, cuts: list[int]
) -> None:
    from pipeline.generation.text import Writer

    writer, shown, rest = Writer(), "", raw
    for cut in cuts:
        shown += visible(writer.push(rest[:cut]))
        rest = rest[cut:]
    shown += visible(writer.push(rest) + writer.finish())
    assert "\ufffd" not in shown and "\x1b" not in shown and "\r" not in shown
    valid = raw.decode("utf-8", "replace")
    assert shown == visible(valid)


def test_letters_of_every_script_and_joined_signs_stay_whole() -> None:
    for text in ("ңәҗ", "नमस्ते", "👩\u200d🌾", "שָׁלוֹם", "a\u0301", "ب\u200cپ\n"):
        assert visible(text) == text


@given(st.lists(st.sampled_from([" ", "—", ".", "?", "а", "Ул", "\n", "ң "]), max_size=30))
def test_a_turn_ends_where_the_next_dash_begins_one_however_the_text_is_cut(
    pieces: list[str],
) -> None:
    whole = "".join(first_turn(["".join(pieces)]))
    assert "".join(first_turn(pieces)) == whole
    assert "\n" not in whole and ". —" not in whole and whole == whole.strip()


def test_the_page_and_the_notebook_end_a_turn_where_the_chat_does() -> None:
    assert f"/{NEXT_TURN.pattern}/u" in PAGE.read_text(encoding="utf-8")
    cells = json.loads((ROOT / "notebooks/demo.ipynb").read_text(encoding="utf-8"))["cells"]
    assert any(f'r"{NEXT_TURN.pattern}"' in "".join(cell["source"]) for cell in cells)


def test_a_dash_inside_a_sentence_does_not_end_a_turn() -> None:
    assert "".join(first_turn([" Ул", " — көтү", "че. ", "— Ә", "йе."])) == "Ул — көтүче."


@pytest.mark.parametrize(
    "terminal", ["dumb", pytest.param("xterm-256color", marks=pytest.mark.faults)]
)
def test_in_a_terminal_of_any_kind_only_text_is_written(
    folder: Path, terminal: str, tmp_path: Path
) -> None:
    """A real pseudo-terminal that is no UTF-8 terminal either; input is cut in the middle of it."""
    ours, theirs = pty.openpty()
    variables = environment() | {"TERM": terminal, "PYTHONIOENCODING": "latin-1"}
    process = subprocess.Popen(
        command("pipeline.cli", "chat", "--model", str(folder), "--tokens", "4"),
        stdin=theirs, stdout=theirs, stderr=theirs, env=variables, cwd=tmp_path,
    )  # fmt: skip
    os.close(theirs)
    os.write(ours, b"/temperature hot\nhello \xff\xd0\n/help\n/quit\n")
    shown = b""
    try:
        while chunk := os.read(ours, 4096):
            shown += chunk
    except OSError:  # the other side is closed
        pass
    os.close(ours)
    assert process.wait(60) == 0, shown
    assert b"Traceback" not in shown and b"temperature: hot is not a number" in shown
    assert b"/reset" in shown
    if terminal == "dumb":
        assert b"\x1b" not in shown


def test_a_pipe_gets_the_answers_alone(
    voice: Voice, monkeypatch: pytest.MonkeyPatch, said: Said
) -> None:
    import io

    raw = io.BytesIO("Сәлам!\n/seed 3\nКояш \n".encode() + b"\xff\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(raw, encoding="utf-8"))
    converse([voice], SETTINGS)
    out, err = said()
    assert "> " not in out and out.count("\n") >= 3 and err == ""


def test_models_are_named_once_each(folder: Path) -> None:
    from pipeline.errors import UserError

    with pytest.raises(UserError, match="given twice"):
        load_voices([folder, folder])
    assert [one.name for one in load_voices([folder])] == [str(folder)]
