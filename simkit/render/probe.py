"""Whether a renderer works on this machine, found out in a process that may die or hang.

``python -m simkit.render.probe NAME`` draws a box in front of a camera and writes one line of JSON
after each step: a missing driver can kill an interpreter, and then the last line says how far it got.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError
from typing import IO, Any

from simkit import registry
from simkit.errors import PluginError, did_you_mean
from simkit.geometry import look_at, quaternion_of
from simkit.render import Frame, Probe, Renderer
from simkit.scene import Body, Camera, Light, Scene, quaternion, vec3

BOX_SIZE = 0.2
CAMERA_HEIGHT = 1.0
WIDTH, HEIGHT, FOCAL = 64, 48, 60.0
DEPTH_TOLERANCE = 1e-3
"""Of the depth of the box' top [m]."""

CHANNELS = frozenset({"rgb", "depth", "instance"})
NOISE_KEPT = 300
"""Characters of what a dying renderer wrote that are shown."""

REINSTALL = "install the package that offers it again, and run simkit doctor"


def probe(name: str, timeout: float = 60.0) -> Probe:
    """Return whether the renderer `name` draws a right picture here.

    It is tried in a process of its own, which is killed after `timeout` [s].

    Raises:
        PluginError: no renderer has that name.
    """
    if name not in registry.names("renderers"):
        allowed = did_you_mean(name, registry.names("renderers"))
        raise PluginError(f"renderers: '{name}' is not registered; {allowed}")
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as noise:
        code = _run_child(name, timeout, said, noise)
        heard = _heard(said)
        complaint = _last_line(noise)
    if heard.get("works"):
        return Probe(True, heard["driver"])
    reason = heard.get("reason") or _reason(code, timeout, complaint)
    return Probe(False, heard.get("driver", ""), heard.get("remedy") or REINSTALL, reason)


def probe_scene() -> tuple[Scene, Camera]:
    """Return a box at the origin and a camera straight above it."""
    T_world_camera = look_at((0.0, 0.0, CAMERA_HEIGHT), (0.0, 0.0, 0.0))
    camera = Camera(
        width=WIDTH,
        height=HEIGHT,
        cam_K=((FOCAL, 0.0, WIDTH / 2), (0.0, FOCAL, HEIGHT / 2), (0.0, 0.0, 1.0)),
        position=vec3(T_world_camera[:3, 3]),
        quaternion=quaternion(quaternion_of(T_world_camera)),
    )
    box = Body(name="box", model="simkit:box", scale=(BOX_SIZE, BOX_SIZE, BOX_SIZE))
    return Scene(bodies=(box,), lights=(Light(),), camera=camera), camera


def fault_of(frame: Frame) -> str:
    """Return what is wrong with a picture of `probe_scene`; empty if nothing is."""
    for channel in sorted(CHANNELS):
        if frame.channels[channel].shape[:2] != (HEIGHT, WIDTH):
            return f"{channel} has the shape {frame.channels[channel].shape}"
    middle, expected = (HEIGHT // 2, WIDTH // 2), CAMERA_HEIGHT - BOX_SIZE / 2
    depth = float(frame.depth[middle])
    if not abs(depth - expected) < DEPTH_TOLERANCE:
        return f"wrong picture: the depth at the centre is {depth:.4f} m, not {expected:.4f} m"
    if frame.instance[middle] != 1 or frame.instance[0, 0] != 0:
        ids = int(frame.instance[middle]), int(frame.instance[0, 0])
        return f"wrong picture: the ids at centre and corner are {ids}, not (1, 0)"
    if float(frame.depth[0, 0]) != 0:
        return f"wrong picture: the depth beside the box is {float(frame.depth[0, 0]):.4f} m, not 0"
    if not frame.rgb[middle].max() > 0:
        return "wrong picture: the lit box is black"
    return ""


def _run_child(name: str, timeout: float, said: IO[bytes], noise: IO[bytes]) -> int | None:
    """Return the child's exit code, None if it had to be killed."""
    child = subprocess.Popen(
        [sys.executable, "-m", "simkit.render.probe", name],
        stdin=subprocess.DEVNULL,
        stdout=said,
        stderr=noise,
        start_new_session=True,
    )
    try:
        return child.wait(timeout)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if child.poll() is None:
            _kill_group(child)


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    """End a running child and all that it started."""
    if hasattr(os, "killpg"):
        os.killpg(child.pid, signal.SIGKILL)
    else:
        child.kill()
    child.wait()


def _heard(said: IO[bytes]) -> dict[str, Any]:
    """Return what the child's lines say together."""
    said.seek(0)
    heard: dict[str, Any] = {}
    for line in said.read().decode(errors="replace").splitlines():
        try:
            data = json.loads(line)
        except ValueError:
            continue  # half a line of a child that died
        if isinstance(data, dict):
            heard.update(data)
    return heard


def _last_line(noise: IO[bytes]) -> str:
    noise.seek(0)
    lines = noise.read().decode(errors="replace").strip().splitlines()
    return lines[-1][:NOISE_KEPT] if lines else ""


def _reason(code: int | None, timeout: float, complaint: str) -> str:
    if code is None:
        return f"hangs: no picture after {timeout:g} s"
    said = f": {complaint}" if complaint else ""
    if code < 0:
        return f"crashes the interpreter ({signal.Signals(-code).name}){said}"
    return f"ends the interpreter with exit code {code}{said}"


def _main(name: str) -> None:
    """Try a renderer and say on stdout how far it came; drivers' own output goes to stderr."""
    stdout = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(**data: Any) -> None:
        stdout.write(json.dumps(data) + "\n")
        stdout.flush()

    try:
        renderer_class: type[Renderer] = registry.load("renderers", name)
        say(remedy=renderer_class.remedy)
        _try(renderer_class, say)
    except Exception as error:  # whatever a foreign driver raises is the answer
        line = str(error).splitlines()[0] if str(error) else ""
        known = isinstance(error, PluginError | PackageNotFoundError)
        say(works=False, reason=line if known else f"{type(error).__name__}: {line}")


def _try(renderer_class: type[Renderer], say: Any) -> None:
    from simkit.assets.primitives import primitives
    from simkit.options import build

    renderer = renderer_class(build(renderer_class.Options, {}), primitives())
    try:
        say(driver=renderer.driver)
        missing = CHANNELS - renderer.channels
        if missing:
            say(works=False, reason=f"gives no {', '.join(sorted(missing))}")
            return
        scene, camera = probe_scene()
        fault = fault_of(renderer.render(scene, camera, CHANNELS))
    finally:
        renderer.close()
    say(works=not fault, reason=fault)


if __name__ == "__main__":
    _main(sys.argv[1])
