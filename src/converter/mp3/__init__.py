"""Reads and writes the parts of an MP3 file: frames, the Xing header, ID3 tags."""
