"""Feature extractors by name: what images are turned into before they are compared."""

from simkit.features.contract import Extractor
from simkit.features.opening import open_features
from simkit.features.streaming import crop_features_of, crops_of, features_of

__all__ = ["Extractor", "crop_features_of", "crops_of", "features_of", "open_features"]
