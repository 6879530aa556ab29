"""The colours of sky and sun by the sun's height and by haze: single scattering in a flat atmosphere.

Light that reaches the ground is left over by scattering, exp(-depth); what the sky gives is what was
scattered along the view, 1 - exp(-depth), of light that has come half of the sun's way (Nishita et
al., "Display of The Earth Taking into Account Atmospheric Scattering", SIGGRAPH 1993, simplified:
no phase functions, one layer). Depths of air at 680, 550 and 440 nm are Rayleigh's at sea level;
haze is gray, and turbidity says how much thicker it makes the air (Preetham, Shirley and Smits, "A
Practical Analytic Model for Daylight", SIGGRAPH 1999).
"""

from __future__ import annotations

import math

import numpy as np

from simkit.geometry import Array
from simkit.scene import Vec3, vec3

BRIGHTEST = 0.8
"""Largest part of the colours that `sky_colors` gives."""

_AIR = np.array([0.046, 0.108, 0.265])
_GREEN = 1


def sky_colors(turbidity: float, sun_elevation: float, ground: float) -> tuple[Vec3, Vec3, Vec3]:
    """Return linear RGB of zenith, horizon and ground, for `simkit.scene.Environment.colors`.

    Only their proportions count.

    Args:
        turbidity: haze; 1 is pure air, 2 a very clear day, 10 a hazy one.
        sun_elevation: over the horizon [rad].
        ground: its albedo, gray, under light of the sky's mean colour.
    """
    depth = _depth(turbidity)
    light = np.exp(-0.5 * depth * _air_mass(sun_elevation))
    sky = light * (1.0 - np.exp(-depth * np.array([[1.0], [_air_mass(0.0)]])))
    zenith, horizon = sky * BRIGHTEST / sky.max()
    return vec3(zenith), vec3(horizon), vec3(ground * (zenith + horizon) / 2)


def sun_color(turbidity: float, sun_elevation: float) -> Vec3:
    """Return the sun's linear RGB on the ground, its largest part 1; arguments as `sky_colors`."""
    color = np.exp(-_depth(turbidity) * _air_mass(sun_elevation))
    return vec3(color / color.max())


def _depth(turbidity: float) -> Array:
    """Return the optical depth straight up (3,) in red, green and blue."""
    depth: Array = _AIR + (turbidity - 1.0) * _AIR[_GREEN]
    return depth


def _air_mass(elevation: float) -> float:
    """Return the way through the air relative to straight up (Kasten and Young, Appl. Opt. 1989)."""
    degrees = max(math.degrees(elevation), 0.0)
    return 1.0 / (math.sin(math.radians(degrees)) + 0.50572 * (degrees + 6.07995) ** -1.6364)
