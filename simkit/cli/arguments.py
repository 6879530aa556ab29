"""How the commands read what they are given."""

from __future__ import annotations

from pathlib import Path

from simkit.errors import ConfigError, did_you_mean

OVERRIDES_HELP = "key=value with dotted keys, e.g. scene.objects=5; see simkit schema"


def config_file(text: str) -> Path:
    """Return the path of a config that is there.

    Raises:
        ConfigError: there is no such file; the message offers a near one.
    """
    path = Path(text)
    if path.is_file():
        return path
    if "=" in text:
        raise ConfigError(
            f"'{text}': the first argument is a config (YAML); key=value comes after it"
        )
    if path.is_dir():
        raise ConfigError(f"{path}: is a folder; give a config, a YAML file")
    folder = path.parent
    there = [str(one) for one in folder.glob("*.y*ml")] if folder.is_dir() else []
    hint = did_you_mean(text, there) if there else "give the path of a YAML file"
    raise ConfigError(f"{path}: there is no such config; {hint}")
