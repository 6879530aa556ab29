"""Named points of the embedded parts, on their surfaces or axes [m, model frame]."""

from __future__ import annotations

from simkit.assets.keypoints import Keypoints

_POINTS: dict[str, Keypoints] = {
    "bowl": (("base", (0.0, 0.0, 0.0)), ("rim", (0.06, 0.0, 0.05))),
    "flange": (("face", (0.037, 0.0, 0.008)), ("back", (0.037, 0.0, 0.0))),
    "hex_bolt": (("head", (0.0, 0.0, 0.0)), ("tip", (0.0, 0.0, 0.0547))),
    "hex_nut": (("top", (0.011, 0.0, 0.0065)), ("bottom", (0.011, 0.0, -0.0065))),
    "l_bracket": (
        ("corner", (0.0, 0.0, 0.0)),
        ("foot", (0.05, 0.0, 0.0)),
        ("top", (0.0, 0.0, 0.05)),
    ),
    "mug": (
        ("base", (0.0, 0.0, 0.0)),
        ("handle", (0.073, 0.0, 0.0475)),
        ("rim_left", (0.0, 0.0395, 0.095)),
        ("rim_right", (0.0, -0.0395, 0.095)),
    ),
    "pipe_elbow": (("low_end", (0.0, 0.0, -0.018)), ("side_end", (-0.044, 0.0, 0.026))),
    "spur_gear": (("tooth", (0.0275, 0.0, 0.0)),),
}


def embedded_keypoints(name: str) -> Keypoints:
    """Return the named points of an embedded part; it may have none."""
    return _POINTS.get(name, ())
