"""What the database holds, looked up without the services."""

import hashlib
from collections.abc import Mapping

from bson import ObjectId

from common.settings import MongoSettings
from common.storage import mongo
from common.storage.bucket import Bucket


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
