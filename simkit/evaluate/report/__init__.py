"""The report: an evaluation as one HTML page that works offline and prints."""

from __future__ import annotations

from simkit.evaluate.report.page import REPORT, render_page, write_page, write_report

__all__ = ["REPORT", "render_page", "write_page", "write_report"]
