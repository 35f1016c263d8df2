"""Making a submission: a branch with a folder, whose README.md is the text of the pull request.

The folder may be in this repository, where the code is already, or in a clone of the course's,
which then gets the code too. Nothing is pushed: the commands that do are told.
"""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UserError
from pipeline.files import atomic_folder, write_text
from pipeline.submission.checklists import Checklist, Item
from pipeline.submission.checks import CHECKS, HUB, Found, listed
from pipeline.submission.project import Project
from pipeline.submission.repository import Repository
from pipeline.submission.text import pull_request

LARGEST = 100_000_000  # bytes of one file; git hosts take no larger ones

Verdicts = list[tuple[Item, Found]]


def examine(project: Project, checklist: Checklist) -> Verdicts:
    """What every item's check found."""
    return [(item, CHECKS[item.check](project, **item.settings)) for item in checklist.items]


def branch_name(name: str) -> str:
    """`first-last-final` from a person's name in any script.

    >>> branch_name("Айсылу Ғәлиева"), branch_name("José O'Neil")
    ('aysylu-ghalieva-final', 'jose-oneil-final')

    Raises:
        UserError: nothing of the name can be written in ASCII letters.
    """
    from anyascii import anyascii

    words = [re.sub(r"[^a-z0-9]", "", anyascii(word).lower()) for word in name.split()]
    if not any(words):
        raise UserError(
            f"no branch can be named after {name.strip() or 'an empty name'!r}: give --branch"
        )
    return "-".join([word for word in words if word] + ["final"])


@dataclass(frozen=True)
class Submission:
    """Who hands in, on which branch, in which folder of which repository."""

    name: str
    branch: str
    folder: Path
    target: Repository

    @property
    def place(self) -> str:
        """The folder as seen from the root of its repository."""
        return self.folder.relative_to(self.target.root).as_posix()


def plan(project: Project, name: str | None, branch: str | None, to: Path | None) -> Submission:
    """Where a submission goes, if there is a place for it.

    Raises:
        UserError: no name; a branch that cannot be or is there already; a folder that is there
            already, or in no repository; uncommitted files; git does not know who commits.
    """
    if not name or not name.strip():
        raise UserError("whose work is it? Say --name 'First Last'")
    branch = branch or branch_name(name)
    folder = (to or project.folder / branch).resolve()
    if folder.exists():
        raise UserError(f"{folder} is there already: remove it, or name another with --to")
    parent = next(path for path in folder.parents if path.is_dir())
    target = Repository(parent)
    if not target.is_branch_name(branch):
        raise UserError(f"git takes no branch of the name {branch!r}: give another --branch")
    if target.has_branch(branch):
        raise UserError(f"the branch {branch} is there already: delete it, or give --branch")
    for repository in (project.repository, target):
        if changed := repository.uncommitted():
            raise UserError(f"not committed in {repository.root}: {listed(changed)}: commit first")
    if not target.knows_its_user():
        raise UserError(
            "git does not know who commits: run git config user.name NAME "
            "and git config user.email ADDRESS"
        )
    return Submission(" ".join(name.split()), branch, folder, target)


def hand_in(project: Project, checklist: Checklist, found: Verdicts, to: Submission) -> list[str]:
    """Make the folder and the branch that holds it; all of it or nothing.

    Returns:
        Lines that say what was made, and the commands to push it and to open the pull request.

    Raises:
        UserError: a required item is not there; a file is too large; git refuses.
    """
    if missing := [item for item, one in found if item.required and not one.there]:
        raise UserError(f"not complete, so nothing was made: {listed([i.what for i in missing])}")
    elsewhere = to.target.root != project.repository.root
    title = f"{to.name}: {checklist.title}"
    fresh = [path for path in (to.folder, *to.folder.parents) if not path.exists()]
    try:
        with atomic_folder(to.folder) as partial:
            parts = _copy_results(project, partial)
            if elsewhere:
                project.repository.write_files(partial / "code")
                parts.append(("code", "the code of the pipeline, as committed"))
            text = pull_request(project, checklist, found, to.name, parts)
            write_text(partial / "README.md", text)
        to.target.commit_on_branch(to.branch, to.folder, title)
    except BaseException:
        if fresh:
            shutil.rmtree(fresh[-1], ignore_errors=True)
        raise
    return [
        f"branch  {to.branch}, checked out in {to.target.root}",
        f"folder  {to.place}/ with README.md, {listed([name for name, _ in parts])}",
        f"text    {to.place}/README.md",
        "Nothing was sent. Read the text, then:",
        *_commands(to, title),
    ]


def _copy_results(project: Project, folder: Path) -> list[tuple[str, str]]:
    """Copy what there is of the results; the name and meaning of each.

    Raises:
        UserError: the model is too large for git hosts, and README.md names none on the Hub.
    """
    wanted = [
        ("reports/demo.ipynb", "demo.ipynb", "the notebook, executed"),
        ("reports/index.html", "report.html", "all that was measured, on one page"),
        ("reports/tokenizer.html", "tokenizer.html", "which tokenizers were tried, and the choice"),
        ("reports/metrics.json", "metrics.json", "the headline figures"),
        ("params.yaml", "params.yaml", "every setting of the run"),
        ("data/export", "model", "the trained model"),
    ]
    copied = []
    for source, name, meaning in wanted:
        path = project.folder / source
        if path.is_dir():
            size = max(one.stat().st_size for one in path.iterdir())
            if size > LARGEST and HUB.search(project.readme):
                continue
            if size > LARGEST:
                raise UserError(
                    f"{source} holds a file of {size / 1e6:,.0f} MB, and git hosts take at most "
                    f"{LARGEST / 1e6:.0f}: put the model on the Hub and its address into README.md"
                )
            shutil.copytree(path, folder / name)
        elif path.is_file():
            shutil.copyfile(path, folder / name)
        else:
            continue
        copied.append((name, meaning))
    return copied


def _commands(to: Submission, title: str) -> list[str]:
    remote = next(iter(to.target.remotes()), None)
    enter = [f"  cd {to.target.root}"] if to.target.root != Path.cwd() else []
    if remote is None:
        enter.append("  git remote add origin ADDRESS")
    quoted = title.replace('"', "'")
    lines = [
        *enter,
        f"  git push --set-upstream {remote or 'origin'} {to.branch}",
        f'  gh pr create --head {to.branch} --title "{quoted}" --body-file {to.place}/README.md',
    ]
    page = web_page(to.target.address(remote)) if remote else None
    if page:
        lines.append(f"or, in place of gh, open {page}/compare/{to.branch}?expand=1")
    return lines


def web_page(address: str) -> str | None:
    """The page of a repository on GitHub by its remote address; None for other hosts.

    >>> web_page("git@github.com:someone/course.git")
    'https://github.com/someone/course'
    """
    found = re.fullmatch(
        r"(?:https://(?:[^@/]+@)?|git@|ssh://git@)github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?",
        address,
    )
    return f"https://github.com/{found[1]}" if found else None
