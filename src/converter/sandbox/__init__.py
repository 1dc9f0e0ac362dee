"""Confines ffmpeg to its input and its folder, by the kernel and without privileges (ADR 0030).

Landlock (`landlock`) and a seccomp filter (`seccomp`) are applied to a thread, which then starts ffmpeg; `confinement`
combines them. What a thread has given up, its children cannot get back.
"""
