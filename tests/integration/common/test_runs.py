"""A message is about the same run however often it is tried."""

from dataclasses import replace

from common.errors import TransientError
from tests.integration.common.test_messaging import MESSAGE, Recorder, consuming, failing
from tests.waiting import eventually


def test_a_message_keeps_its_run_when_it_is_tried_again(rabbit, publisher):
    handler = Recorder(failing(TransientError("down"), TransientError("still down")))
    with consuming(rabbit, handler):
        publisher.publish(rabbit.video_queue, replace(MESSAGE, run=3))
        eventually(lambda: len(handler.handled) == 3)
    assert [message.run for message in handler.handled] == [3, 3, 3]
