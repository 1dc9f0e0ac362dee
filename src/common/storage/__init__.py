"""MongoDB: the connection, and files in GridFS written and read as streams."""
