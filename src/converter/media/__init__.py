"""What is in a video file: its container, tracks, packets, time stamps and channel layouts."""
