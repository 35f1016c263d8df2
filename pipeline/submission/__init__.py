"""Handing coursework in: what is missing; branch, folder and text of the pull request."""
