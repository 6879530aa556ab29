"""simkit.tasks"""
