"""The `gl` renderer: rasterization by OpenGL 3.3, on a GPU or by Mesa's llvmpipe."""

from simkit.render.gl.backend import Gl, GlOptions

__all__ = ["Gl", "GlOptions"]
