"""Independent checks of stored labels: rays, definitions and consistency.

Everything is computed afresh from what is stored. Nothing of simkit's renderers, annotators,
cameras or ray caster is used; only its readers of shards and of models are. `simkit.audit.audit`
runs all checks over a data set of ours, or over a BOP data set.
"""

from simkit.audit.checking import CHECKS
from simkit.audit.report import ImageReport, Outcome, Report
from simkit.audit.running import audit

__all__ = ["CHECKS", "ImageReport", "Outcome", "Report", "audit"]
