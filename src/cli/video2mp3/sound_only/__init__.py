"""Finds the part of a video that holds its sound, so that only this part is uploaded: see docs/sound-only.md.

The output has the container of the video without its pictures. Every byte of the sound and its timing is kept. The page
has the same algorithm in TypeScript (src/web/src/uploads/soundOnly); the outputs of both are identical.
"""
