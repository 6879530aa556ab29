"""simkit.evaluate"""
