"""What the database holds, looked up without the services."""

import hashlib
from collections.abc import Mapping

from bson import ObjectId

from common.domain.results import Result, Sound
from common.runtime.settings import MongoSettings
from common.storage import mongo
from common.storage.bucket import Bucket

# What came out of some conversion.
RESULT = Result(
    Sound(duration=4.0, size=96_000, bitrate=192, quality=None, variable=False, sample_rate=48000, channels=1), 300_000
)


def sha256(environment: Mapping[str, str], fid: str) -> str:
    """The checksum of a stored video."""
    with mongo.connect(MongoSettings(mongo_uri=environment["MONGO_URI"])) as client:
        bucket = Bucket(client[mongo.VIDEOS])
        file = bucket.find(ObjectId(fid))
        assert file is not None
        digest = hashlib.sha256()
        for chunk in bucket.read(file):
            digest.update(chunk)
    return digest.hexdigest()
