"""Traces of JPEG compression."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from simkit.contracts import Params, how_often
from simkit.distributions import Choice, Distribution, Integer
from simkit.options import draw_all, varied
from simkit.scene import Scene
from simkit.sensors import Image, Sensor, Shot

SUBSAMPLING = {
    444: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    422: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    420: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
}


@dataclass
class JpegOptions:
    """How the camera stores its pictures; how the data set does is ``output``'s part."""

    every: str = how_often("view")
    quality: Distribution = varied(
        Integer(40, 95), low=1, high=100, whole=True, help="libjpeg's scale"
    )
    subsampling: Distribution = varied(
        Choice((444, 422, 420)), allowed=tuple(SUBSAMPLING), help="of chroma: 420 is 4:2:0"
    )


class Jpeg(Sensor):
    """Encodes and decodes the picture."""

    Options = JpegOptions
    phase = "picture"
    after = ("denoising", "sharpening")

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        return draw_all(self.options, rng)

    def process(self, image: Image, params: Params, shot: Shot) -> Image:
        how = [
            cv2.IMWRITE_JPEG_QUALITY,
            params["quality"],
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
            SUBSAMPLING[params["subsampling"]],
        ]
        _, encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), how)
        decoded: Image = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))
        return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
