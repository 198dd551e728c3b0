"""The timeline: missing frames keep their place."""

from __future__ import annotations

from deblurgan_tf.video.timeline import Slot, Timeline


def test_the_timeline_finds_missing_frames_by_their_times():
    timeline = Timeline()
    slots = []
    # Reordered packets; the frames of 2 and 5 never come.
    for time, came in [
        (0, []),
        (3, [0]),
        (1, [1]),
        (2, []),
        (6, [3]),
        (4, [4]),
        (5, []),
    ]:
        timeline.sent(time, 1)
        for each in came:
            slots += timeline.came(each, 1)
    slots += timeline.came(6, 1) + timeline.rest()
    assert slots == [Slot(time, 1, time not in (2, 5)) for time in range(7)]


def test_the_timeline_keeps_times_apart_and_counts_where_there_are_none():
    timeline = Timeline()
    for time in (5, 5, 7):
        timeline.sent(time, 0)
    slots = timeline.came(5, 0) + timeline.came(5, 0) + timeline.came(None, 0)
    assert [slot.time for slot in slots] == [5, 6, 7]
    assert [slot.time for slot in timeline.came(None, 2)] == [9]  # two in a packet
    for time in (10, 11, 12):
        timeline.sent(time, 1)
    assert [slot.found for slot in timeline.came(None, 1)] == [True]
    assert [slot[::2] for slot in timeline.rest()] == [(11, False), (12, False)]
