"""simkit.features"""
