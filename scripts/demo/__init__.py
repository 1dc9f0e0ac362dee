"""The parts of the demonstration that curl cannot play: a video, a mailbox and a pair of ears."""
