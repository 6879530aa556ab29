"""How surfaces reflect light: the one definition, which the shaders of `gl` must mirror.

The BRDF is glTF 2.0's metallic-roughness model (specification, appendix B.2 and B.3): GGX normal
distribution, height-correlated Smith visibility, Schlick's Fresnel term, Lambertian diffuse. In
GLSL, with ``a = max(roughness, MIN_ROUGHNESS)^2`` and all dot products clamped to [0, 1]::

    f0       = mix(vec3(0.04), base, metallic)
    F        = f0 + (1 - f0) * pow(1 - dot(v, h), 5)
    D        = a*a / (pi * pow(dot(n, h)^2 * (a*a - 1) + 1, 2))
    V        = 0.5 / (nl * sqrt(nv*nv*(1 - a*a) + a*a) + nv * sqrt(nl*nl*(1 - a*a) + a*a))
    brdf     = (1 - F) * (1 - metallic) * base / pi + F * D * V
    radiance = irradiance_of_the_light * nl * brdf

Light units (`simkit.scene.Light`): a directional light of intensity 1 has irradiance pi on what
faces it; a point or spot light has ``pi * intensity / distance^2``.

Light from everywhere (environment, ambient) uses the split sum (Karis, "Real Shading in Unreal
Engine 4", 2013) with a table ``(A, B)`` over (cosine, roughness), and the energy that single
scattering loses is given back (Fdez-Agueera, JCGT 2019, simplified as in Lagarde and de Rousiers,
"Moving Frostbite to PBR", and Filament), so that a white furnace is white::

    specular = (f0 * A + B) * (1 + f0 * (1 / (A + B) - 1))
    diffuse  = (1 - specular) * (1 - metallic) * base
    radiance = specular * prefiltered(r, roughness) + diffuse * irradiance(n) / pi

and for `Scene.ambient`: ``(specular + diffuse) * ambient``.
"""

from __future__ import annotations

import math

from simkit.compiled import compiled, square_root

MIN_ROUGHNESS = 0.045
"""Below it highlights of point lights vanish between pixels (Filament's choice for 32-bit floats)."""

DIELECTRIC_F0 = 0.04
"""Reflectance of dielectrics at normal incidence: glTF 2.0, index of refraction 1.5."""

INV_PI = 1.0 / math.pi


@compiled
def alpha_of(roughness: float) -> float:
    """Return GGX's alpha of a perceptual roughness in [0, 1]."""
    clamped = max(roughness, MIN_ROUGHNESS)
    return clamped * clamped


@compiled
def ggx_distribution(n_h: float, alpha: float) -> float:
    """Return GGX's D [1/sr] at the cosine of normal and half vector."""
    a2 = alpha * alpha
    f = n_h * n_h * (a2 - 1.0) + 1.0
    return a2 / (math.pi * f * f)


@compiled
def smith_visibility(n_l: float, n_v: float, alpha: float) -> float:
    """Return V = G / (4 n.l n.v), height-correlated Smith (Heitz, JCGT 2014, equation 99)."""
    a2 = alpha * alpha
    of_light = n_l * square_root(n_v * n_v * (1.0 - a2) + a2)
    of_view = n_v * square_root(n_l * n_l * (1.0 - a2) + a2)
    return 0.5 / max(of_light + of_view, 1e-9)


@compiled
def schlick_weight(v_h: float) -> float:
    """Return (1 - v.h)^5, by which Fresnel's term goes from f0 to 1."""
    m = min(max(1.0 - v_h, 0.0), 1.0)
    m2 = m * m
    return m2 * m2 * m


@compiled
def specular_and_fresnel(
    n_l: float, n_v: float, n_h: float, v_h: float, alpha: float
) -> tuple[float, float]:
    """Return D * V and Schlick's weight: all of the BRDF that does not depend on colour."""
    a2 = alpha * alpha
    f = n_h * n_h * (a2 - 1.0) + 1.0
    of_light = n_l * square_root(n_v * n_v * (1.0 - a2) + a2)
    of_view = n_v * square_root(n_l * n_l * (1.0 - a2) + a2)
    # `ggx_distribution` times `smith_visibility` with one division in place of two.
    return 0.5 * a2 / (math.pi * f * f * max(of_light + of_view, 1e-9)), schlick_weight(v_h)


@compiled
def brdf_channel(base: float, metallic: float, specular: float, weight: float) -> float:
    """Return one colour channel of the BRDF [1/sr] from what `specular_and_fresnel` gives."""
    f0 = DIELECTRIC_F0 + (base - DIELECTRIC_F0) * metallic
    fresnel = f0 + (1.0 - f0) * weight
    return (1.0 - fresnel) * (1.0 - metallic) * base * INV_PI + fresnel * specular


@compiled
def energy_boost(a: float, b: float) -> float:
    """Return by how much, relative to f0, light that bounces between facets adds."""
    return 1.0 / max(a + b, 1e-4) - 1.0


@compiled
def environment_weights(
    base: float, metallic: float, a: float, b: float, boost: float
) -> tuple[float, float]:
    """Return the weights (specular, diffuse) of one colour channel for light from everywhere.

    Args:
        base: the channel's base colour.
        metallic: in [0, 1].
        a, b: scale and offset of f0 from the split-sum table at the view's cosine and roughness.
        boost: ``1 / (a + b) - 1``, see `energy_boost`.
    """
    f0 = DIELECTRIC_F0 + (base - DIELECTRIC_F0) * metallic
    specular = (f0 * a + b) * (1.0 + f0 * boost)
    return specular, (1.0 - specular) * (1.0 - metallic) * base


@compiled
def spot_falloff(cosine: float, cone: float) -> float:
    """Return a spot light's factor in [0, 1] at the cosine of the angle off its axis.

    1 within four fifths of the cone's angle, 0 outside it, smoothstep in the angle between.
    """
    angle = math.acos(min(max(cosine, -1.0), 1.0))
    t = min(max((cone - angle) / (0.2 * cone), 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)
