"""Run a notebook from top to bottom with the Python that runs this, and keep what it shows."""

import os
import sys
import tempfile
from pathlib import Path
from unittest import mock

from pipeline.errors import UserError
from pipeline.files import write_text

SECONDS = 600  # a cell that takes longer is stuck


def execute(notebook: Path, out: Path, project: Path) -> None:
    """Execute `notebook` in its own folder and write it with its outputs to `out`.

    The kernel imports this project's code from `project`, wherever another copy is installed, and
    leaves nothing in the home folder. No times are written: equal runs make equal files.

    Raises:
        UserError: a cell fails or takes more than `SECONDS`; names the error.
    """
    import nbformat
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpecManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    content = nbformat.read(notebook, as_version=4)
    search = os.pathsep.join([str(project), *filter(None, [os.environ.get("PYTHONPATH")])])
    with tempfile.TemporaryDirectory() as home:
        own = {
            "JUPYTER_RUNTIME_DIR": home,
            "IPYTHONDIR": home,
            "PYTHONPATH": search,
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        }
        with mock.patch.dict(os.environ, own):
            # With no folders to search, "python3" is this interpreter and not an installed kernel.
            kernels = KernelSpecManager(kernel_dirs=[])
            manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=kernels)
            # Sockets in a folder of ours: no ports, and nobody else on the machine can listen.
            manager.transport, manager.connection_file = "ipc", str(Path(home) / "kernel.json")
            client = NotebookClient(
                content,
                km=manager,
                timeout=SECONDS,
                record_timing=False,
                resources={"metadata": {"path": str(notebook.parent)}},
            )
            try:
                client.execute(cleanup_kc=True)
            except CellExecutionError as error:
                raise UserError(f"{notebook} fails: {error.ename}: {error.evalue}") from None
            except (CellTimeoutError, DeadKernelError) as error:
                reason = str(error).strip().splitlines()[0]
                raise UserError(f"{notebook} does not end: {reason}") from None
    content.metadata["language_info"] = {"name": "python", "version": sys.version.split()[0]}
    write_text(out, nbformat.writes(content) + "\n")
