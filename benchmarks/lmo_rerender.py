"""LM-O re-rendered at its real poses: do our boxes say what the annotated ones say?

python -m benchmarks.lmo_rerender --json out/lmo_rerender.json [--out out/lmo_rerender]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from benchmarks import record
from simkit.rerender import RerenderReport, rerender


def main() -> None:
    """Run it by renderer and pixel centre; print and write mean IoU, and the worst boxes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--out", type=Path, default=Path("out/lmo_rerender"))
    parser.add_argument("--limit", type=int)
    arguments = parser.parse_args()
    source = record.real_data() / "lmo" / "test" / "000002"
    result: dict[str, object] = {"benchmark": "lmo_rerender", "goal_mean_iou": 0.995}
    for backend, centre in (("embree", "bop"), ("embree", "opencv")):
        report = rerender(
            source,
            arguments.out / f"{backend}_{centre}",
            pixel_centre=centre,
            backend=backend,
            limit=arguments.limit,
            overlay=centre == "bop",
        )
        result[f"{backend}_{centre}"] = summary(report)
    record.write(result, arguments.json)


def summary(report: RerenderReport) -> dict[str, object]:
    """Return the figures of one run."""
    values = np.array(list(report.ious.values()))
    worst = sorted(report.ious.items(), key=lambda item: item[1])[:10]
    return {
        "images": report.images,
        "instances": len(values),
        "mean_iou": round(report.mean_iou, 5),
        "identical": round(float(np.mean(values == 1)), 4),
        "min_iou": round(float(values.min()), 4),
        "worst": [{"scene_im_gt": list(key), "iou": round(iou, 4)} for key, iou in worst],
    }


if __name__ == "__main__":
    main()
