"""What a pixel shows, as the masks name it."""

from __future__ import annotations

#: 1 to 16 are the hand's bones, the wrist's first; things are numbered from THING on.
NOTHING, FOREARM, SLEEVE, WALL, THING = 0, 17, 18, 19, 20
