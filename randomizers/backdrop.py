"""The image behind everything."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, replace

import numpy as np

from simkit.assets.color import srgb_to_linear
from simkit.assets.folders import images_in
from simkit.assets.library import Library
from simkit.contracts import Params, Randomizer, how_often
from simkit.distributions import Choice, Distribution, Integer, Uniform
from simkit.options import setting, varied
from simkit.scene import TEXTURE_KINDS, Scene, Texture, vec3

PATTERNS = tuple(kind for kind in TEXTURE_KINDS if kind != "image")


@dataclass
class BackdropOptions:
    """Photos or patterns, where no body is seen."""

    every: str = how_often("view")
    share: float = setting(1.0, low=0, high=1, help="probability that there is one")
    folder: str = setting("", help="of photos, sub-folders included; without one, only patterns")
    photos: float = setting(1.0, low=0, high=1, help="probability of a photo, if there is a folder")
    pattern: Distribution = varied(
        Choice(PATTERNS), allowed=PATTERNS, help="of a computed backdrop"
    )
    colors: Distribution = varied(
        Integer(2, 5), low=2, high=16, whole=True, help="number of colours of a pattern"
    )
    hue: Distribution = varied(Uniform(0.0, 1.0), low=0, high=1, help="of each colour (HSV)")
    saturation: Distribution = varied(Uniform(0.0, 1.0), low=0, high=1, help="HSV, see hue")
    value: Distribution = varied(Uniform(0.1, 1.0), low=0, high=1, help="HSV, see hue")


class Backdrop(Randomizer):
    """Fills the picture behind everything with a photo of a folder, or with a computed pattern.

    It stays with the camera, gives no light, and hides the environment; walls hide it.
    """

    Options = BackdropOptions
    stage = "view"

    def __init__(self, options: BackdropOptions, library: Library) -> None:
        super().__init__(options, library)
        self._photos = images_in(options.folder) if options.folder else ()

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        options = self.options
        shown, is_photo = rng.random() < options.share, rng.random() < options.photos
        if not shown:
            return {"shown": False}
        if self._photos and is_photo:
            return {"shown": True, "photo": self._photos[int(rng.integers(len(self._photos)))]}
        count = options.colors.sample(rng)
        return {
            "shown": True,
            "pattern": options.pattern.sample(rng),
            "palette": [self._color(rng) for _ in range(count)],
            "seed": int(rng.integers(2**31)),
        }

    def apply(self, scene: Scene, params: Params) -> Scene:
        if not params["shown"]:
            return scene
        if "photo" in params:
            return replace(scene, backdrop=Texture("image", path=params["photo"]))
        colors = tuple(vec3(color) for color in params["palette"])
        pattern = Texture(params["pattern"], colors, seed=params["seed"])
        return replace(scene, backdrop=pattern)

    def _color(self, rng: np.random.Generator) -> list[float]:
        """Draw a linear RGB colour."""
        options = self.options
        hsv = [one.sample(rng) for one in (options.hue, options.saturation, options.value)]
        return [float(c) for c in srgb_to_linear(colorsys.hsv_to_rgb(*hsv))]
