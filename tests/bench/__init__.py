"""Speed and memory, as ratios within one run: `make bench`.

What the pipeline does is compared with the plain way of doing it, on one machine in one run: only
ratios carry from one machine to another.
"""
