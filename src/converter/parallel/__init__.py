"""Encodes one long sound on several processors. Entry point: `encoding.encode`.

The sound is divided into overlapping parts, each encoded by its own ffmpeg (`encoding`). The MP3s are joined at
frames where both parts are identical (`joining`), so the result equals that of a single encoder. `processors` counts
the processors. ADR 0012 has the measurements.
"""
