"""Git, as far as handing in needs it: what is committed, and a branch with one more commit."""

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

from pipeline.errors import UserError


class Repository:
    """The git repository that a folder is in.

    Raises:
        UserError: git is not installed, or the folder is in no repository or in an empty one.
    """

    def __init__(self, folder: Path) -> None:
        if shutil.which("git") is None:
            raise UserError("git is not installed: install it, and commit your work")
        self.folder = folder
        if self._try("rev-parse", "--is-inside-work-tree").returncode:
            raise UserError(f"{folder.resolve()} is in no git repository: run git init, and commit")
        if self._try("rev-parse", "--verify", "--quiet", "HEAD").returncode:
            raise UserError(f"the git repository of {folder.resolve()} has no commit yet")
        self.root = Path(self._git("rev-parse", "--show-toplevel"))

    def uncommitted(self) -> list[str]:
        """Paths, from the root, that are changed, or new and not ignored."""
        entries = iter(self._git("status", "--porcelain", "-z").split("\0"))
        found = []
        for entry in entries:
            if entry:
                found.append(entry[3:])
                if entry[0] in "RC":
                    next(entries)  # where it was renamed from
        return found

    def tracked(self) -> list[str]:
        """Paths, from this folder, that git knows."""
        return [path for path in self._git("ls-files", "-z").split("\0") if path]

    def remotes(self) -> list[str]:
        """Names of the repositories that this one pushes to."""
        return self._git("remote").split()

    def address(self, remote: str) -> str:
        """The address of a remote."""
        return self._git("remote", "get-url", remote)

    def commit(self) -> str:
        """The full name of the newest commit."""
        return self._git("rev-parse", "HEAD")

    def has_branch(self, name: str) -> bool:
        """Whether there is such a branch here, or one was seen in a remote."""
        list_of = ("for-each-ref", "--format=%(refname:lstrip=2)")
        here = self._git(*list_of, "refs/heads").split()
        seen = self._git(*list_of, "refs/remotes").split()
        return name in here or name in [ref.partition("/")[2] for ref in seen]

    def is_branch_name(self, name: str) -> bool:
        """Whether git takes the name for a branch."""
        return self._try("check-ref-format", "--branch", name).returncode == 0

    def knows_its_user(self) -> bool:
        """Whether a commit can be signed with a name and an address."""
        return self._try("var", "GIT_COMMITTER_IDENT").returncode == 0

    def write_files(self, to: Path) -> None:
        """Write everything that this folder has committed into the folder `to`."""
        packed = subprocess.run(
            ["git", "archive", "--format=tar", "HEAD"], cwd=self.folder, capture_output=True
        )
        if packed.returncode:
            raise UserError(f"git archive failed: {packed.stderr.decode(errors='replace').strip()}")
        with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
            archive.extractall(to, filter="data")

    def commit_on_branch(self, branch: str, folder: Path, message: str) -> None:
        """Make and enter a branch whose one new commit adds `folder`; all of it or nothing.

        Raises:
            UserError: git refuses, for example by a hook; branch and index are as before.
        """
        before = self._try("symbolic-ref", "--short", "-q", "HEAD").stdout.strip()
        back = [before] if before else ["--detach", self.commit()]
        self._git("switch", "--quiet", "--create", branch)
        try:
            self._git("add", "--force", "--", str(folder.resolve()))
            self._git("commit", "--quiet", "--message", message)
        except BaseException:
            self._try("reset", "--quiet", "--", str(folder.resolve()))
            self._git("switch", "--quiet", *back)
            self._git("branch", "--quiet", "--delete", "--force", branch)
            raise

    def _try(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", *words],
            cwd=self.folder,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
        )

    def _git(self, *words: str) -> str:
        done = self._try(*words)
        if done.returncode:
            said = (done.stderr or done.stdout).strip()
            raise UserError(f"git {words[0]} failed: {said or f'code {done.returncode}'}")
        return done.stdout.rstrip("\n")
