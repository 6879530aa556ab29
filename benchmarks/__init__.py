"""Speed and quality figures, each by one command: ``python -m benchmarks.NAME --json FILE``."""
