"""Make the pictures of the documentation: ``python docs/pictures.py``.

``docs/images/backends.png`` shows the same scenes in every renderer that works here, side by side;
``docs/images/labels.png`` (``--only labels``) a panel for each label of one image;
``docs/images/report.jpg`` (``--only report``) the top of a report with made-up figures, as Chromium
draws it.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

import cv2
import numpy as np
from made_up_evaluation import made_up_evaluation
from numpy.typing import NDArray

from simkit import registry
from simkit.assets.color import srgb_bytes, tone_map
from simkit.assets.library import Library, load_library
from simkit.assets.options import ModelOptions
from simkit.assets.primitives import primitives
from simkit.errors import SimkitError
from simkit.evaluate.report import write_report
from simkit.geometry import look_at, quaternion_of
from simkit.options import build
from simkit.preview import label_sheets
from simkit.scene import (
    Body,
    Camera,
    Environment,
    Light,
    Material,
    Scene,
    Texture,
    quaternion,
    vec3,
)

IMAGES = Path(__file__).parent / "images"
SIZE = (640, 480)
SHOWN = (280, 210)
"""Size of a picture on the sheet [px]."""
LABELS_WIDTH = 1440
"""Of the sheet of labels [px]."""
REPORT_SIZE = (1440, 1640)
"""Of the browser's window [px]."""

SUN = vec3(np.array([0.45, 0.3, 0.84]) / np.linalg.norm([0.45, 0.3, 0.84]))
LIGHTS: dict[str, tuple[tuple[Light, ...], Environment | None, float]] = {
    "lamps": (
        (
            Light("spot", (0.0, 0.0, -1.0), (1.0, 0.93, 0.82), 1.1, position=(0.1, 0.15, 1.0),
                  radius=0.03, cone=0.6),
            Light("area", (0.8, 0.0, -0.6), (0.8, 0.9, 1.0), 2.0, position=(-0.8, 0.0, 0.7),
                  size=(0.4, 0.4)),
        ),
        None,
        0.05,
    ),
    "sky": (
        (Light("directional", vec3(-np.array(SUN)), (1.0, 0.95, 0.85), 0.8, radius=0.01),),
        Environment("sky", colors=((0.2, 0.4, 0.9), (0.7, 0.75, 0.8), (0.3, 0.28, 0.25)), sun=SUN,
                    intensity=0.6),
        0.0,
    ),
    "studio": ((), Environment("studio", colors=((0.25,) * 3, (1.0,) * 3), seed=3), 0.0),
}  # fmt: skip
"""Lights, environment and ambient light by name."""


def main() -> None:
    """Write the pictures that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, help="a BOP models folder to add as a fourth row")
    parser.add_argument("--backends", nargs="*", default=["embree", "gl", "bullet"])
    parser.add_argument("--only", choices=["backends", "labels", "report"], default="backends")
    parser.add_argument("--out", type=Path, help="file to write, instead of the one in docs/images")
    options = parser.parse_args()
    if options.only == "report":
        return _report(options.out or IMAGES / "report.jpg")
    if options.only == "labels":
        return _labels(options.out or IMAGES / "labels.png")
    out = options.out or IMAGES / "backends.png"
    scenes = [(name, *_parts(name)) for name in LIGHTS]
    if options.models:
        scenes.append(("LM-O, sky", *_bop(options.models)))
    columns = [_column(backend, scenes) for backend in options.backends]
    sheet = np.concatenate([column for column in columns if column is not None], axis=1)
    _save(out, sheet, [cv2.IMWRITE_PNG_COMPRESSION, 9])


def _labels(out: Path) -> None:
    """Write all labels of the middle one of three frames of things on a belt, seen by two eyes."""
    example = Path(__file__).parents[1] / "examples" / "conveyor.yaml"
    overrides = [
        "render.backend=embree", "frames_per_view=3", "sensors.stereo={}", "seed=12",
        "randomizers.camera.width=200", "randomizers.camera.height=150",
        "randomizers.camera.distance=[0.45,0.55]", "scene.objects=24", "scene.belt_length=2.0",
    ]  # fmt: skip
    sheet = label_sheets(str(example), ["all"], overrides, n=2, columns=5)[1]
    height = round(sheet.shape[0] * LABELS_WIDTH / sheet.shape[1])
    small = cv2.resize(sheet, (LABELS_WIDTH, height), interpolation=cv2.INTER_AREA)
    _save(out, small[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])


def _report(out: Path) -> None:
    """Write the top of a report, as a browser without a window draws it."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("the picture of the report needs chromium")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        page = write_report(made_up_evaluation(folder), folder)
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
                 "--disable-background-networking", "--disable-component-update",
                 "--hide-scrollbars", "--virtual-time-budget=20000",
                 f"--user-data-dir={folder / 'profile'}"]  # fmt: skip
        size = ",".join(str(side) for side in REPORT_SIZE)
        picture = folder / "report.png"
        subprocess.run(
            [browser, *flags, f"--window-size={size}", f"--screenshot={picture}", page.as_uri()],
            check=True, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        _save(out, cv2.imread(str(picture)), [cv2.IMWRITE_JPEG_QUALITY, 88])


def _save(path: Path, image: NDArray[np.uint8], settings: list[int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image, settings)
    print(f"{path}: {path.stat().st_size / 1024:.0f} kB")


def _column(backend: str, scenes: list[tuple[str, Scene, Library]]) -> NDArray[np.uint8] | None:
    if backend not in registry.names("renderers"):
        return None
    renderer_class = registry.load("renderers", backend)
    pictures = []
    for name, scene, library in scenes:
        try:
            renderer = renderer_class(build(renderer_class.Options, {}), library)
        except SimkitError as error:
            print(f"{backend}: {error}")
            return None
        assert scene.camera is not None
        rgb = renderer.render(scene, scene.camera, ["rgb"]).rgb
        renderer.close()
        picture = cv2.resize(
            srgb_bytes(tone_map(rgb))[..., ::-1], SHOWN, interpolation=cv2.INTER_AREA
        )
        cv2.rectangle(picture, (0, 0), (150, 28), (40, 40, 40), -1)
        cv2.putText(picture, f"{backend}, {name}", (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5,
                    (255, 255, 255), 1, cv2.LINE_AA)  # fmt: skip
        pictures.append(picture)
    return np.concatenate(pictures, axis=0)


def _parts(light: str) -> tuple[Scene, Library]:
    """Return embedded models in several materials on a wooden table."""
    library = load_library(ModelOptions()).merged(primitives())
    names = library.labelled_names()
    looks = [
        Material((0.9, 0.6, 0.3), roughness=0.25, metallic=1.0, own_look=False),
        Material((0.8, 0.1, 0.1), roughness=0.3, own_look=False),
        Material(roughness=0.7),
        Material((0.9, 0.9, 0.9), roughness=0.15, metallic=1.0, own_look=False),
        Material(
            roughness=0.9, texture=Texture("checker", ((0.1, 0.2, 0.6), (0.8, 0.8, 0.7)), 0.04)
        ),
        Material((0.2, 0.5, 0.25), roughness=0.5, own_look=False),
        Material(roughness=0.4),
        Material((0.95, 0.93, 0.9), roughness=0.2, own_look=False),
    ]
    return _on_table(library, names[:: max(len(names) // 8, 1)][:8], looks, light), library


def _bop(folder: Path) -> tuple[Scene, Library]:
    library = load_library(ModelOptions(source=str(folder))).merged(primitives())
    names = library.labelled_names()[:8]
    return _on_table(library, names, [Material(roughness=0.5)] * 8, "sky"), library


def _on_table(library: Library, names: list[str], looks: list[Material], light: str) -> Scene:
    wood = Texture("wood", ((0.45, 0.25, 0.12), (0.2, 0.1, 0.05)), 0.4, seed=2)
    bodies = [
        Body("table", "simkit:box", (0, 0, -0.02), scale=(1.2, 0.9, 0.04),
             material=Material(roughness=0.35, texture=wood)),
        Body("floor", "simkit:plane", (0, 0, -0.7), scale=(8, 8, 1),
             material=Material((0.5, 0.48, 0.45), roughness=0.8)),
    ]  # fmt: skip
    for number, (name, look) in enumerate(zip(names, looks, strict=False)):
        x, y = 0.14 * (number % 4 - 1.5), 0.17 * (0.5 - number // 4)
        z = -float(library[name].mesh.bounds[0, 2])
        turn = 0.7 * number
        bodies.append(
            Body(f"{name}#{number}", name, (x, y, z), (0, 0, np.sin(turn / 2), np.cos(turn / 2)),
                 material=look)
        )  # fmt: skip
    lights, environment, ambient = LIGHTS[light]
    return Scene(
        bodies=tuple(bodies),
        lights=lights,
        environment=environment,
        ambient=(ambient,) * 3,
        camera=_camera(),
    )


def _camera() -> Camera:
    T = look_at((0.05, -0.62, 0.5), (0.0, 0.0, 0.02))
    width, height = SIZE
    return Camera(
        width=width,
        height=height,
        cam_K=((760.0, 0.0, width / 2 - 0.5), (0.0, 760.0, height / 2 - 0.5), (0.0, 0.0, 1.0)),
        position=vec3(T[:3, 3]),
        quaternion=quaternion(quaternion_of(T)),
    )


if __name__ == "__main__":
    main()
