"""What the demonstration does without curl: it reads the email, and checks the MP3."""
