"""The colour of a black body."""

from __future__ import annotations

import numpy as np

LOWEST, HIGHEST = 1667.0, 25000.0
"""Range of the approximation [K]."""

RGB_OF_XYZ = np.array(
    [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560],
     [0.0556434, -0.2040259, 1.0572252]]
)  # fmt: skip
"""XYZ to linear sRGB, D65 (IEC 61966-2-1)."""


def temperature_to_rgb(temperature: float) -> tuple[float, float, float]:
    """Return linear RGB, its largest part 1, of a black body at `temperature` [K].

    The Planckian locus is the cubic approximation of Kim et al. (US patent 7024034, 2006) in CIE
    1931 xy, good from 1667 K to 25000 K; a temperature outside is moved to the nearest end.
    """
    T = float(np.clip(temperature, LOWEST, HIGHEST))
    if T <= 4000:
        x = -0.2661239e9 / T**3 - 0.2343589e6 / T**2 + 0.8776956e3 / T + 0.179910
    else:
        x = -3.0258469e9 / T**3 + 2.1070379e6 / T**2 + 0.2226347e3 / T + 0.240390
    if T <= 2222:
        y = -1.1063814 * x**3 - 1.34811020 * x**2 + 2.18555832 * x - 0.20219683
    elif T <= 4000:
        y = -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867
    else:
        y = 3.0817580 * x**3 - 5.87338670 * x**2 + 3.75112997 * x - 0.37001483
    rgb = np.clip(RGB_OF_XYZ @ [x / y, 1.0, (1 - x - y) / y], 0.0, None)
    red, green, blue = rgb / rgb.max()
    return float(red), float(green), float(blue)
