"""simkit.metrics"""
