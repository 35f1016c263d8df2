"""What `tugantel submit` prints: the checklists, what was found, what was made."""

from pathlib import Path

from pipeline.errors import UserError
from pipeline.submission.checklists import Checklist, names, read_checklist
from pipeline.submission.handin import Verdicts, examine, hand_in, plan
from pipeline.submission.project import Project


def list_checklists(name: str | None) -> None:
    """Print all checklists by name, or the items of one."""
    if name is None:
        for one in names():
            checklist = read_checklist(one)
            print(f"{one:<20} {checklist.title}; {checklist.points} points")
        return
    checklist = read_checklist(name)
    print(f"{checklist.title}: {checklist.about}")
    for part in checklist.parts:
        print(f"\n{part.title} ({sum(item.points for item in part.items)})")
        for item in part.items:
            note = "" if item.required else "; not required"
            print(f"  {item.points}  {item.what} (check {item.check}{note})")


def submit(
    checklist_name: str | None, name: str | None, branch: str | None, to: Path | None, check: bool
) -> bool:
    """Check, and unless it is only to be checked make the submission; whether it is complete.

    Raises:
        UserError: as `plan` and `hand_in` say; or no checklist is named.
    """
    if checklist_name is None:
        raise UserError(f"which coursework? Name a checklist: {', '.join(names())}")
    checklist = read_checklist(checklist_name)
    project = Project(Path.cwd())
    if project.reports["training"] is None or not (project.folder / "data/model").is_dir():
        raise UserError("there is no finished run here: run make repro first")
    if check:
        found = examine(project, checklist)
        _print(checklist, found)
        return all(one.there for item, one in found if item.required)
    submission = plan(project, name, branch, to)
    found = examine(project, checklist)
    _print(checklist, found)
    for line in hand_in(project, checklist, found, submission):
        print(line)
    return True


def _print(checklist: Checklist, found: Verdicts) -> None:
    by_item = {id(item): one for item, one in found}
    for part in checklist.parts:
        print(part.title)
        for item in part.items:
            one = by_item[id(item)]
            mark = "x" if one.there else " "
            print(f"  [{mark}] {item.points if one.there else 0}  {item.what}: {one.seen}")
            if not one.there:
                note = "to do" if item.required else "for the point"
                print(f"         {note}: {item.otherwise}")
    reached = sum(item.points for item, one in found if one.there)
    missing = sum(item.required and not one.there for item, one in found)
    print(f"{reached} of {checklist.points} points; required and missing: {missing}")
