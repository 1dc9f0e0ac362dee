"""Fetches only those chunks of an MP4 that hold sound. Entry point: `fetch.fetch`.

The index of the file says where its sound is (`mp4_layout`). The other chunks become holes in a sparse file, which
ffmpeg never reads. Other and unusual files are fetched whole.
"""
