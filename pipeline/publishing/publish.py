"""The command `tugantel publish`: prepare, check, and unless it is a dry run, upload."""

from collections.abc import Callable

from pipeline.publishing.hub import find_token, require_token, upload
from pipeline.publishing.publication import prepare


def publish(
    name: str,
    private: bool = False,
    dry_run: bool = False,
    licence: str | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Publish the finished run as the model `name` (ORGANISATION/NAME) of the Hub.

    Raises:
        UserError: what keeps it from being published, and what to do.
    """
    token = find_token()
    if not dry_run:
        require_token(token)
    publication = prepare(name, licence, token)
    for note in publication.notes:
        say(f"note: {note}")
    sizes = {
        path.relative_to(publication.folder).as_posix(): path.stat().st_size
        for path in publication.files
    }
    total = sum(sizes.values()) / 1e6
    say(f"{publication.folder}: {len(sizes)} files, {total:,.2f} MB, checked")
    if dry_run:
        visible = "private" if private else "public"
        say(f"would go to {name} ({visible}, licence {publication.licence}):")
        for file, size in sizes.items():
            say(f"  {size / 1e6:10,.3f} MB  {file}")
        say("dry run: nothing was sent")
        return
    done = upload(publication.files, publication.folder, name, private, require_token(token))
    if done.sent:
        say(f"sent {len(done.sent)} files: {', '.join(done.sent)}")
    else:
        say("nothing has changed since it was last published")
    say(f"model: {done.url}")
