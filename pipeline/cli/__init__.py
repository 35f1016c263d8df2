"""The command line; `tugantel --help` lists what it can do, in the order of the imports here."""

from pipeline.cli import project, talk, measure, share  # isort: skip
from pipeline.cli.app import app, main

__all__ = ["app", "main", "measure", "project", "share", "talk"]
